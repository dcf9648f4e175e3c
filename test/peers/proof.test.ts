// The proofs of the protocol's page, made by its own commands: a device that has openssl has what it needs.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { requestProofText, useProofText } from '../../src/domain/proof.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { proofVerifies } from '../../src/pki/proof.ts';
import { fingerprintOf } from '../../src/pki/x509.ts';
import { idOf } from '../domain/samples.ts';

const dir = mkdtempSync(join(tmpdir(), 'nolapse-proof-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const section = readFileSync('docs/protocol.md', 'utf8').split('\n## Speaking through a site gateway\n')[1] ?? '';
const commands = /```sh\n([\s\S]*?)```/.exec(section)?.[1] ?? '';

const sh = (script: string) =>
  promisify(execFile)('sh', ['-euc', script], { cwd: dir, env: { ...process.env, device: 'pump-1', renewal: 'r1' } });

function derOf(name: string, label: string): Uint8Array {
  const [der] = pemToDer(readFileSync(join(dir, name), 'utf8'), label) ?? [];
  if (!der) throw new Error(`${name} holds no ${label}`);
  return der;
}

it.each(['ec -pkeyopt ec_paramgen_curve:P-256', 'ec -pkeyopt ec_paramgen_curve:P-384', 'rsa:2048'])(
  'verifies what the page has openssl sign with a key of type %s',
  async (type) => {
    await sh(`
      openssl req -x509 -newkey ${type} -nodes -keyout device.key -out device.crt -subj /CN=pump-1 -days 1 2> errors
      openssl req -new -newkey ${type} -nodes -keyout next.key -out device.csr -subj /CN=pump-1 2> errors
    `);
    writeFileSync(join(dir, 'commands.sh'), commands);
    await sh('. ./commands.sh');
    const certificate = derOf('device.crt', 'CERTIFICATE');
    const request = derOf('device.csr', 'CERTIFICATE REQUEST');
    const id = idOf('pump-1');
    const [hello, csr] = ['hello.proof', 'csr.proof'].map((name) => readFileSync(join(dir, name)));
    if (!hello || !csr) throw new Error('no proof was made');
    const ofUse = useProofText(id, fingerprintOf(certificate));
    const ofRequest = requestProofText('r1', fingerprintOf(request));
    expect(proofVerifies(ofUse, hello, certificate)).toBe(true);
    expect(proofVerifies(ofRequest, csr, certificate)).toBe(true);
    expect(proofVerifies(ofRequest, hello, certificate)).toBe(false);
    expect(proofVerifies(ofUse, csr, certificate)).toBe(false);
  },
);
