// nolapse trust crl root, as an operator types it: printed where the root's key is here, signed elsewhere and installed where it is not.
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrustView } from '../../src/app/views/trust.ts';
import { readCrl } from '../../src/pki/crl.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

let place: Workplace;
let running: Running | null = null;
beforeEach(async () => {
  place = new Workplace();
  await place.ask('init');
});
afterEach(async () => {
  if (running) await end(running);
  running = null;
  place.remove();
});

const trust = (...args: string[]) => place.run(['trust', ...args, '--home', place.home]);
const inFolder = (name: string): string => join(place.folder, name);
const rootDer = (): Uint8Array =>
  pemToDer(readFileSync(join(place.home, 'pki', 'root.crt'), 'utf8'), 'CERTIFICATE')?.[0] as Uint8Array;
const listIn = (stdout: string) => {
  const [der] = pemToDer(stdout.slice(stdout.indexOf('-----')), 'X509 CRL') ?? [];
  if (!der) throw new Error(`no list: ${stdout}`);
  return readCrl(der, rootDer());
};

describe.each(['at rest', 'on a running broker'] as const)('nolapse trust crl root %s', (face) => {
  beforeEach(async () => {
    if (face === 'on a running broker') running = await startNolapse(place);
  });

  it('prints the list in PEM, and asks for none while the key is here', async () => {
    const { code, stdout } = await trust('crl', 'root');
    expect(code).toBe(0);
    expect(listIn(stdout)).toMatchObject({ signatureValid: true, revoked: [] });
    const refused = await trust('crl', 'root', '--request', inFolder('list.tbs'));
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('its list is signed by itself') });
    expect(await trust('crl', 'root', '--root', '7')).toMatchObject({ code: 2 });
  });

  it('writes what is to be signed elsewhere, and takes the signature', async () => {
    renameSync(join(place.home, 'pki', 'root.key'), inFolder('root.key'));
    const { number: before } = listIn((await trust('crl', 'root')).stdout);
    const asked = await trust('crl', 'root', '--request', inFolder('list.tbs'));
    expect(asked.stdout).toContain('openssl dgst -sha256 -sign root.key');
    expect((await trust('crl', 'root', '--request', inFolder('list.tbs'))).stderr).toContain('is there already');
    const { roots } = JSON.parse((await trust('status', '-o', 'json')).stdout) as TrustView;
    expect(roots.lists).toMatchObject([{ root: 1, isAsked: true }]);
    const key = createPrivateKey(readFileSync(inFolder('root.key')));
    writeFileSync(inFolder('list.sig'), sign('sha256', readFileSync(inFolder('list.tbs')), key));
    const installed = await trust('install', inFolder('list.sig'));
    expect(installed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^root +1$/m) });
    const list = listIn((await trust('crl', 'root')).stdout);
    expect(list.number).toBeGreaterThan(before);
    expect(list.signatureValid).toBe(true);
    writeFileSync(inFolder('root.pem'), (await trust('crl', 'root')).stdout.replace(/^[\s\S]*?(?=-----)/, ''));
    expect(await trust('install', inFolder('root.pem'))).toMatchObject({ code: 0 });
  });
});
