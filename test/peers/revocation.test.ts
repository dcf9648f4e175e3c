// Clients that check the revocation of a whole chain, as openssl, Java and rustls do: with the lists of two issuing CAs and of the root, as
// a running broker publishes them, and with lists that were made where the root's key is.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { derToPem } from '../../src/pki/pem.ts';
import { readCertificate } from '../../src/pki/x509.ts';
import { type House, openHouse } from '../scenarios/harness.ts';
import { missing } from './missing.ts';

const run = promisify(execFile);
const tools = mkdtempSync(join(tmpdir(), 'nolapse-revocation-'));
let dir: string;
let house: House;
beforeEach(() => {
  dir = mkdtempSync(join(tools, 'case-'));
});
afterEach(() => house.close());
afterAll(() => rmSync(tools, { recursive: true, force: true }));

const at = (name: string): string => join(dir, name);
const pki = (name: string): string => join(house.home, 'pki', name);
const openssl = async (...args: string[]): Promise<string> => {
  const { stdout, stderr } = await run('openssl', args, { cwd: dir });
  return stdout + stderr;
};

/** Fetches these lists into one file of PEM. */
async function fetchLists(file: string, ...names: string[]): Promise<void> {
  const pems = names.map(async (name) => {
    const answer = await fetch(`http://127.0.0.1:${house.gateway.ports.http}/crl/${name}.crl`);
    expect(answer.status, name).toBe(200);
    return derToPem(new Uint8Array(await answer.arrayBuffer()), 'X509 CRL');
  });
  writeFileSync(at(file), (await Promise.all(pems)).join(''));
}

const checkAll = (lists: string, issuing: string, leaf: string, purpose = 'sslclient'): Promise<string> =>
  openssl(
    ...['verify', '-x509_strict', '-crl_check_all', '-CRLfile', lists, '-purpose', purpose],
    ...['-CAfile', pki('root.crt'), '-untrusted', pki(issuing), leaf],
  );

/** A house with two issuing CAs, and a device's certificate of each. */
async function openWithTwo(): Promise<void> {
  house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }' });
  writeFileSync(at('one.crt'), (await house.device('one')).certificatePem);
  await house.gateway.operations.prepareIssuing();
  await house.gateway.operations.activateIssuing();
  writeFileSync(at('two.crt'), (await house.device('two')).certificatePem);
}

/** Marks an issuing CA as revoked by its root. */
async function revokeIssuing(number: number): Promise<void> {
  const pem = readFileSync(pki(number === 1 ? 'issuing.crt' : `issuing-${number}.crt`), 'utf8');
  const { serial, notAfter } = readCertificate(
    new Uint8Array(Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64')),
  );
  const reason = 'keyCompromise' as const;
  await house.store.transact((tx) =>
    tx.revokeIssuing({ number, root: 1, serial, notAfter, revokedAt: Date.now(), reason }),
  );
}

describe('openssl verify -crl_check_all', () => {
  it("takes the lists of two issuing CAs and of the root, and misses the root's where it is left out", async () => {
    await openWithTwo();
    await fetchLists('all.pem', 'issuing', 'issuing-2', 'root');
    expect(await checkAll('all.pem', 'issuing.crt', 'one.crt')).toContain('OK');
    expect(await checkAll('all.pem', 'issuing-2.crt', 'two.crt')).toContain('OK');
    expect(await checkAll('all.pem', 'issuing-2.crt', pki('server.crt'), 'sslserver')).toContain('OK');
    await fetchLists('issuing.pem', 'issuing', 'issuing-2');
    await expect(checkAll('issuing.pem', 'issuing.crt', 'one.crt')).rejects.toThrow('unable to get certificate CRL');
  });

  it('refuses what an issuing CA has signed that its root has revoked, and nothing of the other', async () => {
    await openWithTwo();
    await revokeIssuing(1);
    await house.gateway.operations.rootList({});
    await fetchLists('all.pem', 'issuing', 'issuing-2', 'root');
    await expect(checkAll('all.pem', 'issuing.crt', 'one.crt')).rejects.toThrow('certificate revoked');
    expect(await checkAll('all.pem', 'issuing-2.crt', 'two.crt')).toContain('OK');
  });
});

/** What docs/operations.md says that the file for `openssl ca` has. */
function documented(): string {
  const page = readFileSync(resolve('docs/operations.md'), 'utf8');
  const [, block] = /```\n(\[ca\]\n[\s\S]*?)```/.exec(page) ?? [];
  if (!block) throw new Error('docs/operations.md has a block that begins with [ca]');
  return block;
}

describe("a list that is made where the root's key is", () => {
  const install = (name: string) =>
    house.gateway.operations.installRootLists({ files: [{ name, base64: readFileSync(at(name)).toString('base64') }] });

  it('comes from openssl ca -gencrl, as documented', async () => {
    await openWithTwo();
    renameSync(pki('root.key'), at('root.key'));
    await revokeIssuing(1);
    writeFileSync(at('root.cnf'), documented());
    writeFileSync(at('index.txt'), '');
    writeFileSync(
      at('crlnumber'),
      `${Math.floor(Date.now() / 1_000 + 60).toString(16)}\n`.replace(/^(?=(..)*.\n)/, '0'),
    );
    const ca = ['ca', '-config', 'root.cnf', '-keyfile', 'root.key', '-cert', pki('root.crt')];
    await openssl(...ca, '-gencrl', '-out', 'early.crl');
    await expect(install('early.crl')).rejects.toMatchObject({
      faults: [expect.stringContaining('lacks issuing CA 1')],
    });
    await openssl(...ca, '-revoke', pki('issuing.crt'), '-crl_reason', 'keyCompromise');
    await openssl(...ca, '-gencrl', '-out', 'root.crl');
    expect(await install('root.crl')).toMatchObject([{ root: 1, entries: [{ reason: 'keyCompromise' }] }]);
    await fetchLists('all.pem', 'issuing', 'issuing-2', 'root');
    await expect(checkAll('all.pem', 'issuing.crt', 'one.crt')).rejects.toThrow('certificate revoked');
    expect(await checkAll('all.pem', 'issuing-2.crt', 'two.crt')).toContain('OK');
  });

  it('comes from openssl dgst -sign over what was asked for', async () => {
    await openWithTwo();
    renameSync(pki('root.key'), at('root.key'));
    const { base64, digest, number } = await house.gateway.operations.requestRootList({});
    writeFileSync(at('list.tbs'), Buffer.from(base64, 'base64'));
    expect(await openssl('asn1parse', '-inform', 'DER', '-in', 'list.tbs')).toContain('X509v3 CRL Number');
    await openssl('dgst', `-${digest}`, '-sign', 'root.key', '-out', 'list.sig', 'list.tbs');
    expect(await install('list.sig')).toMatchObject([{ root: 1, number }]);
    await fetchLists('all.pem', 'issuing', 'issuing-2', 'root');
    expect(await checkAll('all.pem', 'issuing.crt', 'one.crt')).toContain('OK');
  });
});

type Check = (port: number, roots: string, lists: string) => Promise<string>;

const peers: Readonly<Record<string, { readonly needs: string[]; readonly make: () => Promise<Check> }>> = {
  Java: {
    needs: ['java', 'javac'],
    make: async () => {
      const classes = join(tools, 'java');
      mkdirSync(classes, { recursive: true });
      await run('javac', ['-d', classes, resolve('test/peers/revocation/Checks.java')]);
      const options = ['-XX:TieredStopAtLevel=1', '-cp', classes, 'Checks'];
      return async (port, roots, lists) => (await run('java', [...options, `${port}`, roots, lists])).stdout;
    },
  },
  rustls: {
    needs: ['cargo', 'gcc'],
    make: async () => {
      const target = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'nolapse-peers/rustls');
      const manifest = resolve('test/peers/stacks/rustls/Cargo.toml');
      await run('cargo', ['build', '--quiet', '--locked', '--manifest-path', manifest, '--target-dir', target]);
      return async (port, roots, lists) => {
        return (await run(join(target, 'debug/revocation'), [`${port}`, roots, lists])).stdout;
      };
    },
  },
};

describe.each(Object.entries(peers))('%s, with revocation of the whole chain on', (_name, { needs, make }) => {
  let check: Check;
  beforeAll(async () => {
    if (!missing(...needs)) check = await make();
  }, 300_000);

  it('connects with both lists, and neither without one nor where the issuing CA is revoked', async ({ skip }) => {
    skip(missing(...needs));
    // By itself the broker would show the chain of another issuing CA at its next beat.
    house = await openHouse({ yaml: 'trust: { approval: { issuing: required } }' });
    const port = house.gateway.ports.mqtt;
    await fetchLists('all.pem', 'issuing', 'root');
    expect((await check(port, pki('root.crt'), at('all.pem'))).trim()).toBe('connected');
    await fetchLists('issuing.pem', 'issuing');
    expect(await check(port, pki('root.crt'), at('issuing.pem'))).not.toContain('connected');
    await revokeIssuing(1);
    await house.gateway.operations.rootList({});
    await fetchLists('revoked.pem', 'issuing', 'root');
    expect(await check(port, pki('root.crt'), at('revoked.pem'))).toMatch(/revoked/i);
  });
});
