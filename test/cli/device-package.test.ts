// nolapse device package, as an operator types it: what is in the folder, who may read it, and what is refused.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { derToPem } from '../../src/pki/pem.ts';
import { newRequest } from '../scenarios/harness.ts';
import { Workplace } from './harness.ts';

let place: Workplace;
let out: string;
beforeEach(async () => {
  place = new Workplace();
  await place.ask('init');
  writeFileSync(
    join(place.home, 'nolapse.yaml'),
    'server: { names: [localhost, mqtt.example.net] }\nmqtt: { port: 18883 }\n',
  );
  await place.ask('device', 'add', '00:1A@north', '--owner', 'water');
  out = join(place.folder, 'new', 'card');
});
afterEach(() => place.remove());

const pack = (...more: string[]): Promise<unknown> => place.ask('device', 'package', '00:1A@north', ...more);
const refused = (...args: string[]) => place.run(['device', 'package', ...args, '--home', place.home]);
const file = (name: string): string => readFileSync(join(out, name), 'utf8');
const bytes = (name: string): Buffer => readFileSync(join(out, name));
const certificates = async (): Promise<number> =>
  ((await place.ask('cert', 'list', '--device', '00:1A@north')) as unknown[]).length;

describe('nolapse device package', () => {
  it('writes what the reference devices read, keys for their owner alone, and prints no key', async () => {
    const answer = await pack('--out', out);
    expect(JSON.stringify(answer)).not.toContain('PRIVATE KEY');
    const stem = '00%3A1A%40north';
    const files = readdirSync(out, { recursive: true, encoding: 'utf8' });
    expect(files.sort()).toEqual(
      [
        ...[`${stem}.crt`, `${stem}-chain.crt`, `${stem}.key`, 'ca.crt', 'names', 'ports', 'time', 'package.json'],
        ...['der', 'der/ca.der', 'der/key.der', 'der/root-1.der', 'der/slot0.der', 'roots', 'roots/root-1.crt'],
      ].sort(),
    );
    for (const key of [`${stem}.key`, 'der/key.der']) expect(statSync(join(out, key)).mode & 0o777, key).toBe(0o600);
    expect(statSync(out).mode & 0o777).toBe(0o700);
    const leaf = new X509Certificate(file(`${stem}.crt`));
    const key = createPrivateKey({ key: bytes('der/key.der'), format: 'der', type: 'sec1' });
    expect(leaf.checkPrivateKey(createPrivateKey(file(`${stem}.key`)))).toBe(true);
    expect(leaf.checkPrivateKey(key)).toBe(true);
    expect(leaf.raw).toEqual(bytes('der/slot0.der'));
    expect(leaf.verify(new X509Certificate(file(`${stem}-chain.crt`)).publicKey)).toBe(true);
    const root = readFileSync(join(place.home, 'pki', 'root.crt'), 'utf8');
    expect([file('ca.crt'), file('roots/root-1.crt')]).toEqual([root, root]);
    expect(new X509Certificate(bytes('der/ca.der')).toString()).toBe(root);
    expect([file('names'), file('ports')]).toEqual(['mqtt.example.net\nlocalhost\n', '18883\n']);
    expect(Math.abs(Number(file('time')) - Date.now() / 1_000)).toBeLessThan(120);
    expect(JSON.parse(file('package.json'))).toMatchObject({
      id: '00:1A@north',
      clientId: '00:1A@north',
      ports: [{ port: 18_883, root: 1 }],
      roots: [{ number: 1, state: 'current', der: 'der/root-1.der' }],
      certificate: { isNew: true },
      key: { pem: `${stem}.key` },
    });
  });

  it('certifies the key of a request in PEM, and writes no key', async () => {
    const { csr } = await newRequest('00:1A@north');
    const request = join(place.folder, 'request.pem');
    writeFileSync(request, derToPem(csr, 'CERTIFICATE REQUEST'));
    await pack('--out', out, '--csr', request);
    expect(readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) => /key/.test(name))).toEqual([]);
    expect(JSON.parse(file('package.json'))).toMatchObject({ key: null, certificate: { isNew: true } });
  });

  it('refuses a folder that has anything in it, before anything is issued', async () => {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'letter.txt'), 'mine');
    expect(await refused('00:1A@north', '--out', out)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${out} is not empty: name another folder`),
    });
    expect(readdirSync(out)).toEqual(['letter.txt']);
    expect(await certificates()).toBe(0);
  });

  it.each([
    ['that is not there', null, 'is not a file'],
    ['that is no request', 'no request', 'csr: '],
    ['that is broken PEM', '-----BEGIN CERTIFICATE REQUEST-----\n!\n', 'is not one certificate request in PEM or DER'],
    ['that is too large', 'x'.repeat(70_000), 'has more than 65536 bytes'],
  ])('refuses a request %s', async (_, text, fault) => {
    const request = join(place.folder, 'request');
    if (text !== null) writeFileSync(request, text);
    expect(await refused('00:1A@north', '--out', out, '--csr', request)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(fault),
    });
    expect(existsSync(join(out, 'package.json'))).toBe(false);
    expect(await certificates()).toBe(0);
  });

  it('makes nothing for an id that is none, or that nobody has', async () => {
    expect(await refused('../outside', '--out', out)).toMatchObject({ code: 2 });
    expect(existsSync(out)).toBe(false);
    expect(await refused('nobody', '--out', out)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nobody is not in the inventory'),
    });
    expect(readdirSync(out)).toEqual([]);
  });
});
