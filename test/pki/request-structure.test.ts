// Requests of real stacks with their structure changed, element by element: each is refused by the right code and in words that say
// what is wrong, and nothing but a refusal ever comes of it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readCsr } from '../../src/pki/csr.ts';
import { bitString, octetString, oid, sequence } from '../../src/pki/der.ts';
import { oids } from '../../src/pki/oids.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { bytesOf, changed, changes, pathsIn, treeOf } from './der-tree.ts';
import { assembleRequest, ecKey, extensionRequest, signedBy, spkiOf } from './made.ts';

const folder = join(import.meta.dirname, 'requests');
const labels = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'];
const kept = readdirSync(folder)
  .filter((file) => file.endsWith('.pem'))
  .map((file) => pemToDer(readFileSync(join(folder, file), 'latin1'), ...labels)?.[0] ?? new Uint8Array());

/** Places of a request's three parts, and of the key in the first. */
const [body, algorithm, keyInBody] = [0, 1, 2];

function outcomeOf(der: Uint8Array): { code: string; detail: string } {
  const facts = readCsr(der);
  if ('code' in facts) return { code: facts.code, detail: facts.detail };
  if (facts.key.algorithm === null) return { code: 'key_refused', detail: facts.key.fault ?? '' };
  if (facts.refusedAlgorithm !== null) return { code: 'algorithm_refused', detail: facts.refusedAlgorithm };
  return facts.signatureValid
    ? { code: 'valid', detail: '-' }
    : { code: 'bad_signature', detail: facts.signatureFault ?? '' };
}

const anyChange = fc.constantFrom(...Object.entries(changes));

it('are never thrown upon, and never refused without a word', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...kept),
      fc.array(fc.tuple(fc.nat(), anyChange), { minLength: 1, maxLength: 3 }),
      (der, all) => {
        let tree = treeOf(der);
        for (const [at, [, change]] of all) {
          const paths = pathsIn(tree);
          tree = changed(tree, paths[at % paths.length] ?? [], change);
        }
        expect(outcomeOf(bytesOf(tree)).detail).not.toBe('');
      },
    ),
    { numRuns: 2_000 },
  );
});

const key = ecKey();
const own = assembleRequest({
  spki: spkiOf(key),
  attributes: [extensionRequest(sequence(oid(oids.subjectKeyIdentifier), octetString(octetString(Buffer.alloc(20)))))],
  signature: signedBy(key),
});

it('do not count as badly signed where the signature is over what was sent', () => {
  const whole = treeOf(own);
  for (const path of pathsIn(whole).filter(([part]) => part === body)) {
    for (const [name, change] of Object.entries(changes)) {
      const [info, ...rest] = changed(whole, path, change).children ?? [];
      if (info?.tag !== 0x30) continue;
      const signed = bytesOf(info);
      const der = sequence(signed, ...rest.slice(0, -1).map(bytesOf), bitString(signedBy(key)(signed)));
      const { code, detail } = outcomeOf(der);
      // A point that was changed is another key, or none.
      const codes = path[1] === keyInBody ? /^(valid|malformed_csr|key_refused)$/ : /^(valid|malformed_csr)$/;
      expect([path, name, code, detail]).toEqual([
        path,
        name,
        expect.stringMatching(codes),
        expect.stringMatching(/./),
      ]);
    }
  }
});

it('do not count as badly signed for how their algorithm is written', () => {
  const whole = treeOf(own);
  for (const path of pathsIn(whole).filter(([part]) => part === algorithm)) {
    for (const [name, change] of Object.entries(changes)) {
      const { code } = outcomeOf(bytesOf(changed(whole, path, change)));
      expect([path, name, code]).toEqual([
        path,
        name,
        expect.stringMatching(/^(valid|malformed_csr|algorithm_refused)$/),
      ]);
    }
  }
});
