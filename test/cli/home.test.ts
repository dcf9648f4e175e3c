// The commands on a home at rest: made, filled, shown, emptied.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { escapeName } from '../../src/domain/escape.ts';
import { startControlServer } from '../../src/http/control.ts';
import { fakeOperations } from '../http/fake-operations.ts';
import { recordingLog } from '../telemetry/recording-log.ts';
import { Workplace } from './harness.ts';

let place: Workplace;
beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
});
afterAll(() => place.remove());

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('nolapse init', () => {
  it('makes a home that only its owner can read, once', async () => {
    const home = join(place.folder, 'other');
    const first = await place.run(['init', '--home', home]);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('root.key');
    expect(modeOf(home)).toBe(0o700);
    const again = await place.run(['init', '--home', home]);
    expect(again).toMatchObject({ code: 0, stdout: `${home} was made before; nothing to do\n` });
  });

  it('encrypts its keys with a passphrase, which later commands must have', async () => {
    const home = join(place.folder, 'closed');
    const file = join(place.folder, 'passphrase');
    writeFileSync(file, 'correct horse\n', { mode: 0o644 });
    chmodSync(file, 0o644);
    const made = await place.run(['init', '--home', home], { env: { NOLAPSE_PASSPHRASE_FILE: file } });
    expect(made.code).toBe(0);
    expect(made.stderr).toBe(`nolapse: ${file} can be read by others than its owner: chmod 600 it\n`);
    const keys = readdirSync(join(home, 'pki')).filter((name) => name.endsWith('.key'));
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) {
      expect(readFileSync(join(home, 'pki', key), 'utf8')).toContain('ENCRYPTED PRIVATE KEY');
      expect(modeOf(join(home, 'pki', key))).toBe(0o600);
    }
    const list = ['device', 'list', '--home', home];
    expect((await place.run(list, { env: { NOLAPSE_PASSPHRASE: 'correct horse' } })).code).toBe(0);
    for (const env of [{}, { NOLAPSE_PASSPHRASE: 'wrong' }]) {
      const refused = await place.run(list, { env });
      expect(refused.code).toBe(2);
      expect(refused.stderr).toMatch(/^nolapse: .*passphrase.*\n$/);
    }
  });

  it('says when the file of the passphrase cannot be used', async () => {
    const empty = join(place.folder, 'empty');
    writeFileSync(empty, '\n');
    for (const [file, why] of [
      [empty, 'empty'],
      [join(place.folder, 'nowhere'), 'ENOENT'],
    ] as const) {
      const { code, stderr } = await place.run(['init', '--home', join(place.folder, 'never')], {
        env: { NOLAPSE_PASSPHRASE_FILE: file },
      });
      expect(code).toBe(2);
      expect(stderr).toContain(`NOLAPSE_PASSPHRASE_FILE ${file}: ${why}`);
    }
  });
});

describe('nolapse device', () => {
  it('adds, shows and lists', async () => {
    const added = await place.ask('device', 'add', 'pump-1', '--owner', 'water', '--site', 'north');
    expect(added).toMatchObject({ id: 'pump-1', owner: 'water', site: 'north', kind: 'device', status: 'active' });
    expect(await place.ask('device', 'show', 'pump-1')).toMatchObject({
      principal: { id: 'pump-1' },
      certificates: [],
    });
    expect(await place.ask('device', 'list', '--site', 'north')).toMatchObject([{ id: 'pump-1' }]);
    expect(await place.ask('device', 'list', '--site', 'south')).toEqual([]);
    const { stdout } = await place.run(['device', 'list', '--site', 'north', '--home', place.home]);
    const [heading = '', row = ''] = stdout.split('\n');
    expect(row.indexOf('water')).toBe(heading.indexOf('OWNER'));
  });

  it('knows what a device can do, and says which of it is wrong', async () => {
    const can = ['--modes', 'csr,recertify', '--max-packet', '256', '--slots', '1', '--encoding', 'cbor'];
    const added = await place.ask('device', 'add', 'tiny-1', '--owner', 'water', '--site', 'tiny', ...can);
    expect(added).toMatchObject({ modes: ['csr', 'recertify'], packetBytesMax: 256, slots: 1, encoding: 'cbor' });
    const shown = await place.run(['device', 'show', 'tiny-1', '--home', place.home]);
    expect(shown.stdout).toMatch(/^key modes +csr, recertify\nmax packet +256\nslots +1\nclock +-$/m);
    const { stdout } = await place.run(['device', 'list', '--site', 'tiny', '--home', place.home]);
    const [heading = '', row = ''] = stdout.split('\n');
    expect(row.indexOf('csr,recertify')).toBe(heading.indexOf('MODES'));

    const add = ['device', 'add', 'tiny-2', '--owner', 'water', '--home', place.home];
    for (const [option, value, why] of [
      ['--modes', 'csr,rsa', 'expected some of csr, recertify, keygen'],
      ['--max-packet', 'big', 'expected a whole number'],
      ['--max-packet', '127', 'maxPacket: not a whole number from 128 to 268435455'],
      ['--slots', '0', 'slots: not a whole number from 1 to 1000'],
    ] as const) {
      expect(await place.run([...add, option, value])).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
    }
    expect((await place.run(['device', 'show', 'tiny-2', '--home', place.home])).code).toBe(2);
  });

  it('refuses what is there already, and what is not there', async () => {
    await place.ask('device', 'add', 'twice', '--owner', 'o');
    const conflict = await place.run(['device', 'add', 'twice', '--owner', 'o', '--home', place.home]);
    expect(conflict).toMatchObject({ code: 2, stdout: '' });
    const missing = await place.run(['device', 'show', 'nobody', '--home', place.home]);
    expect(missing).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^nolapse: nobody .*\n$/) });
  });

  it('says that a list may go on', async () => {
    await place.ask('device', 'add', 'more-1', '--owner', 'o', '--site', 'many');
    await place.ask('device', 'add', 'more-2', '--owner', 'o', '--site', 'many');
    const list = ['device', 'list', '--site', 'many', '--home', place.home];
    const first = await place.run([...list, '--limit', '1']);
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('--after more-1') });
    expect((await place.run([...list, '--after', 'more-1'])).stdout).toContain('more-2');
  });

  it('imports a file or standard input, and names every fault by its line', async () => {
    const file = join(place.folder, 'fleet.csv');
    writeFileSync(file, '\ufeffid,owner\nfleet-1,ops\nfleet-2,ops\n');
    expect(await place.ask('device', 'import', file)).toEqual({ added: 2, updated: 0, unchanged: 0 });
    const lines = '{"id":"fleet-3","owner":"ops"}\n';
    const args = ['device', 'import', '-', '--home', place.home];
    expect(await place.run([...args, '--format', 'jsonl'], { input: lines })).toMatchObject({ code: 0 });
    expect(await place.run(args, { input: lines })).toMatchObject({ code: 2 });
    const bad = await place.run([...args, '--format', 'csv'], { input: 'id,owner\n../x,ops\nfleet-4,ops\n+,ops\n' });
    expect(bad.code).toBe(2);
    expect(bad.stderr.trimEnd().split('\n')).toHaveLength(2);
    expect(bad.stderr).toMatch(/line 2.*\n.*line 4/);
    expect((await place.run(['device', 'show', 'fleet-4', '--home', place.home])).code).toBe(2);
  });

  it('keeps control characters of the inventory off the terminal', async () => {
    const text = '{"id":"esc-1","owner":"\\u001b[31mred"}\n';
    const done = await place.run(['device', 'import', '-', '--format', 'jsonl', '--home', place.home], { input: text });
    // Whether the inventory takes such an owner is its affair; the terminal never does.
    const { stdout } = await place.run(['device', 'list', '--home', place.home]);
    expect(done.stderr + stdout).not.toContain('\u001b');
  });

  it('quarantines, releases and decommissions', async () => {
    await place.ask('device', 'add', 'sick', '--owner', 'o');
    expect(await place.ask('device', 'quarantine', 'sick')).toMatchObject({ status: 'quarantined' });
    expect(await place.ask('device', 'release', 'sick')).toMatchObject({ status: 'active' });
    await place.ask('device', 'issue', 'sick', '--out', join(place.folder, 'sick'));
    expect(await place.ask('device', 'decommission', 'sick', '--reason', 'scrapped')).toMatchObject({ revoked: 1 });
    expect(await place.ask('device', 'show', 'sick')).toMatchObject({ principal: { status: 'decommissioned' } });
  });
});

describe('nolapse device issue', () => {
  it('writes the certificate alone, its chain, the key for its owner alone, and the root', async () => {
    await place.ask('device', 'add', 'meter-1', '--owner', 'o');
    const out = join(place.folder, 'new', 'folder');
    const answer = await place.ask('device', 'issue', 'meter-1', '--out', out);
    expect(JSON.stringify(answer)).not.toContain('PRIVATE KEY');
    expect(readdirSync(out).sort()).toEqual(['ca.crt', 'meter-1-chain.crt', 'meter-1.crt', 'meter-1.key']);
    expect(modeOf(join(out, 'meter-1.key'))).toBe(0o600);
    expect(modeOf(join(out, 'meter-1.crt'))).toBe(0o644);
    const pem = readFileSync(join(out, 'meter-1.crt'), 'utf8');
    expect(pem.match(/BEGIN CERTIFICATE/g)?.length).toBe(1);
    expect(modeOf(join(out, 'meter-1-chain.crt'))).toBe(0o644);
    const chain = readFileSync(join(out, 'meter-1-chain.crt'), 'utf8');
    expect(chain).toBe(readFileSync(join(place.home, 'pki', 'issuing.crt'), 'utf8'));
    expect(new X509Certificate(pem).verify(new X509Certificate(chain).publicKey)).toBe(true);
    const key = createPrivateKey(readFileSync(join(out, 'meter-1.key')));
    expect(new X509Certificate(pem).checkPrivateKey(key)).toBe(true);
    const ca = new X509Certificate(readFileSync(join(out, 'ca.crt')));
    expect(ca.verify(ca.publicKey)).toBe(true);
  });

  it.each([
    ['00:1A:2b:3c', '00%3A1A%3A2b%3A3c'],
    ['pump@plant.example', 'pump%40plant.example'],
    ['ca', 'c%61'],
    ['a-chain', 'a-chai%6E'],
  ])('writes the files of %s as %s', async (id, stem) => {
    await place.ask('device', 'add', id, '--owner', 'o');
    const out = join(place.folder, stem);
    await place.ask('device', 'issue', id, '--out', out);
    const files = readdirSync(out);
    expect(files).toEqual(expect.arrayContaining(['ca.crt', `${stem}.crt`, `${stem}.key`]));
    for (const file of files)
      expect(file === 'ca.crt' || file.startsWith(`${stem}.`) || file.startsWith(`${stem}-chain.`)).toBe(true);
    const [root, leaf] = ['ca', stem].map((name) => new X509Certificate(readFileSync(join(out, `${name}.crt`))));
    expect(leaf?.subject).toBe(`CN=${id}`);
    expect(leaf?.subjectAltName).toBe(`URI:urn:nolapse:device:${escapeName(id)}`);
    expect(root?.verify(root.publicKey)).toBe(true);
  });

  it('replaces no key unless told to, and issues nothing before it knows', async () => {
    await place.ask('device', 'add', 'meter-2', '--owner', 'o');
    const out = join(place.folder, 'keys');
    const key = join(out, 'meter-2.key');
    await place.ask('device', 'issue', 'meter-2', '--out', out);
    const before = readFileSync(key, 'utf8');
    const args = ['device', 'issue', 'meter-2', '--out', out, '--home', place.home];
    expect(await place.run(args)).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') });
    expect(readFileSync(key, 'utf8')).toBe(before);
    expect(await place.ask('cert', 'list', '--device', 'meter-2')).toHaveLength(1);
    expect(await place.run([...args, '--force'])).toMatchObject({ code: 0 });
    expect(readFileSync(key, 'utf8')).not.toBe(before);
    expect(readdirSync(out).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it.skipIf(!existsSync('/proc/self'))('says so where no folder can be made', async () => {
    await place.ask('device', 'add', 'meter-3', '--owner', 'o');
    for (const args of [
      ['device', 'issue', 'meter-3', '--out', '/proc/nowhere/x', '--home', place.home],
      ['init', '--home', '/proc/nowhere/x'],
    ]) {
      const child = place.spawn(args);
      const patience = setTimeout(() => child.kill('SIGKILL'), 20_000);
      const [code] = (await once(child, 'close')) as [number | null];
      clearTimeout(patience);
      expect(code).toBe(2);
    }
    expect(await place.ask('cert', 'list', '--device', 'meter-3')).toEqual([]);
  });

  it('makes nothing outside the folder it is given', async () => {
    const out = join(place.folder, 'inside');
    const { code } = await place.run(['device', 'issue', '../outside', '--out', out, '--home', place.home]);
    expect(code).toBe(2);
    expect(existsSync(join(place.folder, 'outside.key'))).toBe(false);
    expect(existsSync(out)).toBe(false);
  });
});

describe('the ledger', () => {
  it('lists, shows and revokes certificates, and the CRL follows', async () => {
    await place.ask('device', 'add', 'lost', '--owner', 'o');
    await place.ask('device', 'issue', 'lost', '--out', join(place.folder, 'lost'));
    const [entry] = (await place.ask('cert', 'list', '--device', 'lost')) as { serial: string; fingerprint: string }[];
    const shown = await place.run(['cert', 'show', entry?.serial ?? '', '--home', place.home]);
    expect(shown.stdout).toContain(entry?.fingerprint);
    expect(shown.stdout).toContain('-----BEGIN CERTIFICATE-----');
    const before = (await place.ask('crl')) as { entries: number };
    const revoked = await place.ask('cert', 'revoke', entry?.fingerprint ?? '', '--reason', 'keyCompromise');
    expect(revoked).toMatchObject({ state: 'revoked', revocationReason: 'keyCompromise' });
    const after = (await place.ask('crl')) as { entries: number; pem: string };
    expect(after.entries).toBe(before.entries + 1);
    expect(after.pem).toContain('-----BEGIN X509 CRL-----');
  });

  it('has nothing to say about renewals when there are none, which is fine', async () => {
    expect(await place.run(['renewal', 'list', '--home', place.home])).toMatchObject({ code: 0, stdout: '' });
    expect((await place.run(['renewal', 'show', 'none', '--home', place.home])).code).toBe(2);
  });

  it('is in order when the doctor finds nothing', async () => {
    const well = join(place.folder, 'well');
    await place.run(['init', '--home', well]);
    const { code, stdout } = await place.run(['doctor', '--home', well]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^LEVEL +SUBJECT +DETAIL\n/);
  });

  it.each(['warning', 'error'] as const)('is not in order, exit code 1, when the doctor finds a %s', async (level) => {
    const home = join(place.folder, level);
    mkdirSync(home);
    const { operationsFor } = fakeOperations(() => [{ level, subject: 'server certificate', detail: 'ends soon' }]);
    const server = await startControlServer({ home, operationsFor, log: recordingLog().log });
    const outcome = await place.run(['doctor', '--home', home]);
    await server.close();
    expect(outcome).toMatchObject({ code: 1, stderr: '' });
    expect(outcome.stdout).toMatch(new RegExp(`^${level} +server certificate +ends soon$`, 'm'));
  });
});
