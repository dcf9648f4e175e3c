// A certificate that a restored ledger does not know comes back with the revocation list it names, also when the ledger does not know that.
import { afterEach, expect, it } from 'vitest';
import { importCertificates } from '../../src/app/inventory/import-certificates.ts';
import { revoke } from '../../src/app/renewal/revoke.ts';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';
import { principal } from '../contract/store/rows.ts';
import { approvedFor, ecKey, spkiOf } from '../pki/made.ts';
import { type Assembled, assembled } from './assembled.ts';

let parts: Assembled;
afterEach(() => parts.close());

const base = 'http://gateway:8880/crl/issuing';

async function comeBack(url: string) {
  const { app } = parts;
  const now = Date.now();
  const validity = { notBefore: now - 1_000, notAfter: now + 86_400_000 };
  const answer = await app.authority.issue(approvedFor('a', spkiOf(ecKey()), validity), url);
  if (answer.kind === 'pending') throw new Error('the local authority answers at once');
  const der = answer.certificate;
  const row = JSON.stringify({ file: 'a.crt', block: 1, certificate: Buffer.from(der).toString('base64') });
  const text = (async function* () {
    yield Buffer.from(`${row}\n`);
  })();
  expect(await importCertificates(app, { text })).toMatchObject({ imported: 1 });
  return fingerprintOf(der) as Fingerprint;
}

const shards = async () =>
  (await parts.app.store.read.revocationLists(0, 10)).map(({ shard, url, certificates }) => [shard, url, certificates]);

async function open(): Promise<void> {
  parts = await assembled({ yaml: "http: { publicUrl: 'http://gateway:8880' }" });
  await parts.app.store.transact((tx) => tx.putPrincipal(principal('a', { site: null, gateway: null })));
}

it('is listed in the shard it names, which is opened again', async () => {
  await open();
  const fingerprint = await comeBack(`${base}/7.crl`);
  expect(await shards()).toEqual([[7, `${base}/7.crl`, 1]]);
  await comeBack(`${base}/7.crl`);
  expect(await shards()).toEqual([[7, `${base}/7.crl`, 2]]);
  await revoke(parts.app, fingerprint, 'keyCompromise');
  parts.outbox.poke();
  await parts.outbox.idle();
  expect(await parts.app.store.read.revocationList(7)).toMatchObject({ entries: 1, urgent: 1 });
});

it.each([
  'http://elsewhere/crl/issuing/7.crl',
  `${base}.crl`,
  `${base}/0.crl`,
  `${base}/x.crl`,
  `${base}/7.crl/../8.crl`,
])('names %s and opens none', async (url) => {
  await open();
  await comeBack(url);
  expect(await shards()).toEqual([]);
});
