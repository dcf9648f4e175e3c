// A replacement of key mode keygen, taken apart by the commands of the protocol's page: a device that has openssl needs no more.
import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { newEnvelopedKey } from '../../src/pki/envelope.ts';
import { written } from '../wire/vectors.ts';

/** The page's own example, for the key beside it. */
const example = written.find(({ name }) => name === 'part-keygen');

const dir = mkdtempSync(join(tmpdir(), 'nolapse-replacement-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const section = readFileSync('docs/protocol.md', 'utf8').split('\n## Key modes\n')[1] ?? '';
const commands = /```sh\n([\s\S]*?)```/.exec(section)?.[1] ?? '';
const sh = (script: string) => promisify(execFile)('sh', ['-euc', script], { cwd: dir });

it.each(['P-256', 'P-384'])('holds a certificate and a key that the holder of a %s key can open', async (curve) => {
  await sh(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:${curve} -nodes -keyout device.key -out device.crt \
    -subj /CN=pump-1 -days 1 2> errors`);
  const certificate = new X509Certificate(readFileSync(join(dir, 'device.crt')));
  const { spki, envelope } = newEnvelopedKey(certificate.raw);
  // Which certificate comes first is of no consequence to taking them apart.
  writeFileSync(join(dir, 'replacement.bin'), Buffer.concat([certificate.raw, envelope]));
  writeFileSync(join(dir, 'commands.sh'), commands);
  await sh('. ./commands.sh');
  expect(new X509Certificate(readFileSync(join(dir, 'new.crt'))).raw).toEqual(certificate.raw);
  const opened = createPublicKey(readFileSync(join(dir, 'new.key'))).export({ type: 'spki', format: 'der' });
  expect(opened).toEqual(Buffer.from(spki));
});

it('is taken apart by the same commands as the page shows it, byte for byte', async () => {
  const { recipient, message } = example ?? {};
  if (!recipient || !message) throw new Error('there is no example');
  const own = createPrivateKey({ key: Buffer.from(recipient.key, 'hex'), format: 'der', type: 'pkcs8' });
  writeFileSync(join(dir, 'device.key'), own.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(join(dir, 'device.crt'), new X509Certificate(Buffer.from(recipient.certificate, 'hex')).toString());
  writeFileSync(join(dir, 'replacement.bin'), Buffer.from(String(message['bytes']), 'hex'));
  writeFileSync(join(dir, 'commands.sh'), commands);
  await sh('. ./commands.sh');
  const certificate = new X509Certificate(readFileSync(join(dir, 'new.crt')));
  expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(join(dir, 'new.key'))))).toBe(true);
});
