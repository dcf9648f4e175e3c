// The requests that TLS stacks, libraries and tools write by themselves, as they wrote them: each gets the answer that a device with
// such firmware gets. Those of requests/ are for pump-1, and requests/make/make.sh makes them anew; those of requests/field/ name others.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Serial } from '../../src/domain/certificate.ts';
import type { PrincipalId } from '../../src/domain/principal.ts';
import { approve } from '../../src/domain/request.ts';
import { readCsr } from '../../src/pki/csr.ts';
import { json } from '../../src/wire/json.ts';
import { day, now } from './made.ts';

const folder = join(import.meta.dirname, 'requests');

/** Those that are not certified: the code, and a part of the detail. */
const refused: Readonly<Record<string, readonly [string, string]>> = {
  'bouncycastle-md5.pem': ['algorithm_refused', 'md5WithRSAEncryption'],
  'bouncycastle-sha1.pem': ['algorithm_refused', 'sha1WithRSAEncryption'],
  'cryptography-ca.pem': ['extension_refused', 'CA:TRUE'],
  'cryptography-ed25519.pem': ['key_refused', 'ed25519'],
  'cryptography-exponent-3.pem': ['key_refused', 'RSA exponent 3'],
  'forge-md5.pem': ['algorithm_refused', 'md5WithRSAEncryption'],
  'forge-sha1.pem': ['algorithm_refused', 'sha1WithRSAEncryption'],
  'openssl-ed448.pem': ['key_refused', 'Ed448'],
  'openssl-explicit.pem': ['key_refused', 'written out'],
  'openssl-ip.pem': ['subject_mismatch', '10.0.0.7'],
  'openssl-other.pem': ['subject_mismatch', 'common name'],
  'openssl-pss-sha1.pem': ['algorithm_refused', 'SHA-1'],
  'openssl-rsa-sha1.pem': ['algorithm_refused', 'sha1WithRSAEncryption'],
  // Its default subject is "rcgen self signed cert".
  'rcgen-default.pem': ['subject_mismatch', 'common name'],
  'field/forge-default.pem': ['algorithm_refused', 'sha1WithRSAEncryption'],
};

/** Whom those of field/ are for. */
const fieldIds: Readonly<Record<string, string>> = {
  'forge-default.pem': 'csr-2',
  'go-cn-org.pem': 'go-1',
  'mbedtls228-ec-ku-ns.pem': 'csr-2',
  'pkijs-default.pem': 'csr-2',
  'rcgen-rcgen-new-san.pem': 'rs-1',
  'wolfssl-default.pem': 'csr-2',
};

const files = [
  ...readdirSync(folder)
    .filter((file) => file.endsWith('.pem'))
    .map((file) => [file, 'pump-1'] as const),
  ...readdirSync(join(folder, 'field')).map(
    (file) => [`field/${file}`, fieldIds[file] ?? /^v\d\d/.exec(file)?.[0] ?? ''] as const,
  ),
];

/** Through the wire's own reading of PEM. */
function outcomeOf(file: string, id: string) {
  const der = json.spellings.csr.decode(readFileSync(join(folder, file), 'latin1'));
  const facts = readCsr(der);
  if ('code' in facts) return { code: facts.code, detail: facts.detail };
  const approval = approve({
    facts,
    principalId: id as PrincipalId,
    kind: 'device',
    profile: {
      name: 'device',
      keys: ['ec-p256', 'ec-p384', 'rsa'],
      rsaBitsMin: 2_048,
      rsaBitsMax: 4_096,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['clientAuth'],
    },
    serial: '01' as Serial,
    notBefore: now,
    notAfter: now + day,
    keyHolder: 'nobody',
    mode: 'csr',
  });
  return approval.kind === 'refused' ? approval : { code: 'approved', detail: '', request: approval.request };
}

describe('a request as the world writes it', () => {
  it.each(files)('%s, for %s', (file, id) => {
    const [code, detail] = refused[file] ?? ['approved', ''];
    expect(outcomeOf(file, id)).toMatchObject({ code, detail: expect.stringContaining(detail) });
  });

  it('is of every tool that is listed', () => {
    const tools = ['asn1crypto', 'bouncycastle', 'certtool', 'cryptography', 'forge', 'go', 'keytool', 'mbedtls-2.28'];
    const others = ['mbedtls-3.4', 'mbedtls-3.5', 'openssl', 'peculiar', 'pkijs', 'rcgen', 'wolfssl'];
    for (const tool of [...tools, ...others]) {
      expect(files.some(([file]) => file.startsWith(tool) && !refused[file])).toBe(true);
    }
    for (const file of Object.keys(refused)) expect(files.map(([each]) => each)).toContain(file);
  });

  it('is certified in the uncompressed form of its key', () => {
    const outcome = outcomeOf('openssl-compressed.pem', 'pump-1');
    expect('request' in outcome && outcome.request?.spki).toHaveLength(91);
  });
});
