// What the issuing CA's key alone is worth to a thief: openssl signs a certificate with it that any chain check believes, and
// the broker, whose ledger has never seen it, does not let it in.
import { execFile } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GatewayProcess, startProcess } from './nolapse-process.ts';

const run = promisify(execFile);
const id = 'meter-1';

let gateway: GatewayProcess;
let folder: string;

beforeAll(async () => {
  gateway = await startProcess('');
  folder = join(gateway.place.folder, 'device');
  await gateway.place.ask('device', 'add', id, '--owner', 'tests');
  await gateway.place.ask('device', 'issue', id, '--out', folder);
});
afterAll(() => gateway?.remove());

function openssl(...args: string[]): Promise<{ stdout: string }> {
  return run('openssl', args, { cwd: folder });
}

function publish(pair: string): Promise<unknown> {
  const files = ['--cafile', 'ca.crt', '--cert', `${pair}.crt`, '--key', `${pair}.key`];
  const message = ['-i', id, '-t', `devices/${id}/reading`, '-m', '42', '-q', '1'];
  return run('mosquitto_pub', ['-h', 'localhost', '-p', String(gateway.mqttPort), ...files, ...message], {
    cwd: folder,
  });
}

async function forge(): Promise<void> {
  const pki = join(gateway.place.home, 'pki');
  for (const file of ['issuing.key', 'issuing.crt']) copyFileSync(join(pki, file), join(folder, file));
  const usage = [
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=clientAuth',
    `subjectAltName=URI:urn:nolapse:device:${id}`,
  ];
  writeFileSync(join(folder, 'extensions'), [...usage, 'authorityKeyIdentifier=keyid', ''].join('\n'));
  await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'forged.key');
  await openssl('req', '-new', '-key', 'forged.key', '-subj', `/CN=${id}`, '-out', 'forged.csr');
  const issuer = ['-CA', 'issuing.crt', '-CAkey', 'issuing.key', '-set_serial', '4711', '-days', '30'];
  await openssl('x509', '-req', '-in', 'forged.csr', ...issuer, '-extfile', 'extensions', '-out', 'forged.crt');
}

it('does not admit a certificate that its own issuing key signed and its ledger does not hold', async () => {
  await publish(id);
  await forge();
  const { stdout } = await openssl(
    'verify',
    '-CAfile',
    'ca.crt',
    '-untrusted',
    'issuing.crt',
    '-purpose',
    'sslclient',
    'forged.crt',
  );
  expect(stdout).toBe('forged.crt: OK\n');
  await expect(publish('forged')).rejects.toThrow(/connection was refused/i);
  await gateway.log.until('admission.refused', { 'event.reason': 'unknown_certificate' });
  await publish(id);
});
