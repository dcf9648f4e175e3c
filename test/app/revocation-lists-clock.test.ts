// Revocation lists of shards under a clock that is far ahead for a while: what it makes look spent is still named by certificates when the
// time is right again.
import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { issueDevice } from '../../src/app/inventory/issue-device.ts';
import { revoke } from '../../src/app/renewal/revoke.ts';
import { sweep } from '../../src/app/upkeep/sweep.ts';
import { readCrl } from '../../src/pki/crl.ts';
import { certificate, idOf, principal } from '../contract/store/rows.ts';
import { type Assembled, assembled } from './assembled.ts';

const minute = 60_000;
const day = 86_400_000;
const began = Date.now();
let parts: Assembled;
let passedMs = 0;
/** How far the clock is ahead, which nobody notices on the steady one. */
let aheadMs = 0;
const clock = { now: () => began + passedMs + aheadMs, steady: () => passedMs };
afterEach(() => parts.close());

async function beat(): Promise<void> {
  passedMs += 2_000;
  await sweep(parts.app);
  parts.outbox.poke();
  await parts.outbox.idle();
}

async function listOf(shard: number) {
  const list = await parts.app.store.read.revocationList(shard);
  const [issuing] = parts.app.authority.trust().issuers[0].chain;
  if (!list || !issuing) throw new Error(`there is no list ${shard}`);
  const { number, revoked } = readCrl(new Uint8Array(readFileSync(parts.shelf.pathOf(list))), issuing);
  return { number, serials: revoked.map(({ serial }) => serial) };
}

/** Two shards with room for no more, and one that is the newest. @returns the first certificate of the first. */
async function openShards() {
  parts = await assembled({ yaml: 'crl: { shardAbove: 10, interval: 1m }', clock });
  await parts.app.store.transact(async (tx) => {
    await tx.putPrincipal(principal('a'));
    const retired = { state: 'retired', revokedAt: began, revocationReason: 'superseded' } as const;
    for (let i = 0; i < 10; i += 1) {
      await tx.putCertificate(certificate(`r${i}`, 'a', { notAfter: began + 90 * day, ...retired }));
    }
  });
  passedMs += 2 * minute;
  await beat();
  const { certificate: first } = await issueDevice(parts.app, idOf('a'));
  for (let i = 0; i < 21; i += 1) await issueDevice(parts.app, idOf('a'));
  await revoke(parts.app, first.fingerprint, 'keyCompromise');
  await beat();
  return first;
}

it.each([
  ['while nothing else happens', 0],
  ['through some starts, at each of which all lists are signed anew', 3],
])('are not forgotten by a clock that is ten years ahead for hours, %s', async (_, starts) => {
  const { serial } = await openShards();
  const before = await listOf(1);
  expect(before.serials).toEqual([serial]);
  aheadMs = 3_650 * day;
  await beat();
  for (let start = 0; start < starts; start += 1) {
    passedMs += 60 * minute;
    await parts.app.crls.begin();
    await parts.outbox.idle();
  }
  aheadMs = 0;
  await beat();
  await beat();
  const after = await listOf(1);
  expect(after.serials).toEqual([serial]);
  expect(after.number).toBeGreaterThan(before.number);
  expect((await listOf(2)).serials).toEqual([]);
});
