// A fleet that shares one key, and the key is compromised: all of its certificates are revoked, in turns that others do not wait for.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { certificate, digest, idOf, principal, renewal } from '../contract/store/rows.ts';
import { operationsIn } from '../fakes/tester.ts';
import { type Assembled, assembled } from './assembled.ts';

const day = 86_400_000;
const fleet = 350;
const together = 100;
const keyFingerprint = digest('the key of all');

let house: Assembled;
beforeEach(async () => {
  house = await assembled({});
  const now = Date.now();
  const facts = { keyFingerprint, notAfter: now + 90 * day, renewAt: now + 60 * day };
  await house.app.store.transact(async (tx) => {
    for (let i = 0; i < fleet; i += 1) {
      const id = `pump-${i}`;
      await tx.putPrincipal(principal(id, { source: null, gateway: null, class: '' }));
      await tx.putCertificate(certificate(`${id} now`, id, facts));
    }
    await tx.putCertificate(
      certificate('pump-7 before', 'pump-7', { ...facts, state: 'superseded', overlapUntil: now + day }),
    );
    await tx.putCertificate(certificate('pump-7 other key', 'pump-7', { ...facts, keyFingerprint: digest('another') }));
    await tx.putCertificate(
      certificate('pump-8 retired', 'pump-8', {
        ...facts,
        state: 'retired',
        revokedAt: now,
        revocationReason: 'superseded',
      }),
    );
  });
});
afterEach(() => house.close());

const stateOf = async (name: string) => (await house.app.store.read.certificate(digest(`certificate ${name}`)))?.state;
const revoke = (dryRun: boolean) =>
  operationsIn(house.app).revokeCertificate({
    id: digest('certificate pump-7 now'),
    reason: 'keyCompromise',
    ...(dryRun && { dryRun }),
  });

/** Certificates that each unit of work changes while `work` runs. */
async function unitsOf(work: () => Promise<unknown>): Promise<number[]> {
  const units: number[] = [];
  const { store } = house.app;
  const { transact } = store;
  store.transact = (unit) =>
    transact((tx) => {
      const at = units.push(0) - 1;
      const put = tx.putCertificate.bind(tx);
      tx.putCertificate = (entry) => {
        units[at] = (units[at] ?? 0) + 1;
        return put(entry);
      };
      return unit(tx);
    });
  try {
    await work();
  } finally {
    store.transact = transact;
  }
  return units;
}

it('is revoked for all of them, a bounded number in each change', async () => {
  let also = 0;
  const units = await unitsOf(async () => {
    ({ also } = await revoke(false));
  });
  expect(also).toBe(fleet);
  expect(Math.max(...units)).toBeLessThanOrEqual(together);
  for (let i = 0; i < fleet; i += 1) expect(await stateOf(`pump-${i} now`)).toBe('revoked');
  expect(await stateOf('pump-7 before')).toBe('revoked');
  expect(await stateOf('pump-7 other key')).toBe('active');
  expect(await stateOf('pump-8 retired')).toBe('retired');
});

it('is counted the same by a dry run, which changes nothing', async () => {
  const { also, dryRun } = await revoke(true);
  expect(also).toBe(fleet);
  expect((dryRun?.steps.length ?? 0) + (dryRun?.more ?? 0)).toBe(fleet + 1);
  expect(await stateOf('pump-7 now')).toBe('active');
  expect(await stateOf('pump-300 now')).toBe('active');
});

it('is counted the same by a dry run where a replacement falls with its renewal, before its own turn', async () => {
  // The last of the first hundred, whose other certificate is the first of the next.
  const id = Array.from({ length: fleet }, (_, i) => `pump-${i}`).toSorted()[together - 1] ?? '';
  const now = Date.now();
  const replaced = digest(`certificate ${id} now`);
  const replacement = certificate(`${id} next`, id, {
    keyFingerprint,
    state: 'issued',
    issuedAt: now,
    notAfter: now + 120 * day,
  });
  await house.app.store.transact(async (tx) => {
    await tx.putCertificate(replacement);
    const { fingerprint } = replacement;
    const facts = {
      state: 'issued',
      mode: 'recertify',
      oldFingerprint: replaced,
      newFingerprint: fingerprint,
    } as const;
    await tx.putRenewal(renewal('under way', id, facts));
  });
  expect((await revoke(true)).also).toBe(fleet + 1);
  expect((await revoke(false)).also).toBe(fleet + 1);
});

it('goes on where it was cut off when it is asked again', async () => {
  const { store } = house.app;
  const { transact } = store;
  let units = 0;
  store.transact = (unit) => {
    units += 1;
    return units > 2 ? Promise.reject(new Error('the broker ends')) : transact(unit);
  };
  await expect(revoke(false)).rejects.toThrow('the broker ends');
  store.transact = transact;
  expect(await stateOf(`pump-${fleet - 1} now`)).toBe('active');
  await revoke(false);
  for (let i = 0; i < fleet; i += 1) expect(await stateOf(`pump-${i} now`)).toBe('revoked');
  expect((await store.read.principal(idOf('pump-7')))?.status).toBe('active');
});
