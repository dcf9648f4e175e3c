// Revocation lists over a real ledger and PKI: how many signatures so many retirements cost, how much is encoded in a turn, and what is
// on which list.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { issueDevice } from '../../src/app/inventory/issue-device.ts';
import { revoke } from '../../src/app/renewal/revoke.ts';
import { pageEntries } from '../../src/app/upkeep/sign-list.ts';
import { sweep } from '../../src/app/upkeep/sweep.ts';
import { NolapseError } from '../../src/domain/errors.ts';
import { readCrl } from '../../src/pki/crl.ts';
import type { Authority, CrlRequest } from '../../src/ports/authority.ts';
import { certificate, idOf, principal } from '../contract/store/rows.ts';
import { type Assembled, assembled } from './assembled.ts';

const minute = 60_000;
const day = 86_400_000;
let parts: Assembled;
let passedMs = 0;
const began = Date.now();
const clock = { now: () => began + passedMs, steady: () => passedMs };

/** What was asked to be signed, and the pages of each. */
const signed: { readonly number: number; readonly shard: string | null; readonly pages: number[] }[] = [];
let isDown = false;
let pageGiven: () => void = () => undefined;

function signCrlOf({ signCrl }: Authority): NonNullable<Authority['signCrl']> {
  if (!signCrl) throw new Error('the local authority signs lists');
  return signCrl;
}

const counting = (real: Authority): Authority => ({
  ...real,
  signCrl: (request: CrlRequest) => {
    if (isDown) throw new NolapseError('authority_unavailable', 'connection refused');
    const pages: number[] = [];
    signed.push({ number: request.number, shard: request.distributionPoint, pages });
    const revoked = async function* () {
      for await (const page of request.revoked) {
        pages.push(page.length);
        pageGiven();
        yield page;
      }
    };
    return signCrlOf(real)({ ...request, revoked: revoked() });
  },
});

async function open(yaml = ''): Promise<void> {
  passedMs = 0;
  isDown = false;
  parts = await assembled({ yaml, clock, throughAuthority: counting });
  await parts.app.store.transact((tx) => tx.putPrincipal(principal('a')));
  signed.length = 0;
  passedMs = 2_000;
}
afterEach(() => parts.close());

const enter = (names: readonly string[], facts: Parameters<typeof certificate>[2] = {}): Promise<void> =>
  parts.app.store.transact(async (tx) => {
    for (const name of names) await tx.putCertificate(certificate(name, 'a', { notAfter: began + 90 * day, ...facts }));
  });
const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const beat = async (): Promise<void> => {
  await sweep(parts.app);
  parts.outbox.poke();
  await parts.outbox.idle();
};
const ofComplete = () => signed.filter(({ shard }) => shard === null);

async function readList(shard = 0) {
  const list = await parts.app.store.read.revocationList(shard);
  const [issuing] = parts.app.authority.trust().issuers[0].chain;
  if (!list) throw new Error(`there is no list ${shard}`);
  const read = readCrl(new Uint8Array(readFileSync(parts.shelf.pathOf(list))), issuing);
  expect(read).toMatchObject({ signatureValid: true, number: list.number, distributionPoint: list.url });
  return { ...read, list };
}

it('are signed once an interval, however many certificates retire in it', async () => {
  await open('sweep: { batch: 50 }');
  // One retires each second for an hour.
  await parts.app.store.transact(async (tx) => {
    for (let i = 0; i < 3_600; i += 1) {
      const overlapUntil = began + i * 1_000;
      await tx.putCertificate(
        certificate(`${i}`, 'a', { state: 'superseded', notAfter: began + 90 * day, overlapUntil }),
      );
    }
  });
  for (let at = 5; at <= 3_600; at += 5) {
    passedMs = at * 1_000;
    await beat();
  }
  expect(await parts.app.store.read.counts()).toMatchObject({ certificates: { retired: 3_600 } });
  expect(signed).toHaveLength(4);
  passedMs += 16 * minute;
  await beat();
  expect((await readList()).revoked).toHaveLength(3_600);
});

it('are signed at once for a compromise, and together for those that follow within a second', async () => {
  await open();
  const all = names('c', 20);
  await enter(all);
  const [first = '', ...others] = all.map((name) => certificate(name, 'a').fingerprint);
  await revoke(parts.app, first as never, 'keyCompromise');
  await parts.outbox.idle();
  expect(signed).toHaveLength(1);
  for (const each of others) await revoke(parts.app, each as never, 'keyCompromise');
  await beat();
  expect(signed).toHaveLength(1);
  passedMs += 1_000;
  await beat();
  expect(signed).toHaveLength(2);
  expect((await readList()).revoked).toHaveLength(20);
});

it('take in what was superseded with the compromise that came in between, and on demand', async () => {
  await open();
  await enter(names('old', 3), { state: 'superseded', overlapUntil: began });
  await enter(['bad']);
  await beat();
  expect(signed).toHaveLength(0);
  await revoke(parts.app, certificate('bad', 'a').fingerprint, 'keyCompromise');
  await parts.outbox.idle();
  expect((await readList()).revoked).toHaveLength(4);
  await enter(names('older', 2), { state: 'superseded', overlapUntil: began });
  await beat();
  expect(signed).toHaveLength(1);
  expect(await parts.app.crls.whole()).toMatchObject({ entries: 6 });
});

it('are read and encoded a page in a turn of the event loop, in which others have theirs', async () => {
  await open();
  await enter(names('r', 12_000), { state: 'retired', revokedAt: began - 1, revocationReason: 'superseded' });
  let turns = 0;
  let isDone = false;
  const turn = (): void => {
    turns += 1;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  const inTurn = new Map<number, number>();
  pageGiven = () => void inTurn.set(turns, (inTurn.get(turns) ?? 0) + 1);
  await parts.app.crls.whole();
  isDone = true;
  pageGiven = () => undefined;
  const [{ pages = [] } = {}] = signed;
  expect(pages.reduce((sum, entries) => sum + entries, 0)).toBe(12_000);
  expect(Math.max(...pages)).toBe(pageEntries);
  expect([...inTurn.values()].every((count) => count === 1)).toBe(true);
});

it('are left alone for a while by an authority that fails, the longer the more often, and others are signed', async () => {
  await open();
  await enter(['bad']);
  isDown = true;
  await revoke(parts.app, certificate('bad', 'a').fingerprint, 'keyCompromise');
  let asked = 0;
  const { crls } = parts.app;
  const before = signCrlOf(parts.app.authority);
  Object.assign(parts.app.authority, {
    signCrl: (request: CrlRequest) => {
      asked += 1;
      return before(request);
    },
  });
  for (let second = 0; second < 600; second += 1) {
    passedMs += 1_000;
    await beat();
  }
  // After 1, 2, 4 ... 256 s, and one that was before it was counted.
  expect(asked).toBeLessThanOrEqual(10);
  expect(await crls.inForce(0)).toMatchObject({ entries: 0 });
  isDown = false;
  passedMs += 300_000;
  await beat();
  expect((await readList()).revoked).toHaveLength(1);
});

it('show a certificate that ended once more, and then no longer', async () => {
  await open();
  const ending = { state: 'retired', revokedAt: began, revocationReason: 'superseded' } as const;
  await enter(['ends'], { ...ending, notAfter: began + day });
  await enter(['stays'], ending);
  const entries: number[] = [];
  for (let days = 1; days <= 9; days += 1) {
    passedMs = days * day;
    await beat();
    entries.push((await readList()).revoked.length);
  }
  // Signed on the first day for what was superseded, on the fifth and the ninth because half their time has passed.
  expect(entries).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 1]);
});

it('are signed anew where their bytes were lost, with a greater number', async () => {
  await open();
  const before = await readList();
  rmSync(parts.shelf.pathOf(before.list));
  await parts.app.crls.begin();
  await parts.outbox.idle();
  expect((await readList()).number).toBeGreaterThan(before.number);
  expect(await parts.app.crls.inForce(0)).toMatchObject({ number: (await readList()).number });
});

it('are all signed anew at a start, a few side by side, and one that is lost is given to nobody before', async () => {
  await open();
  await parts.app.store.transact(async (tx) => {
    for (let shard = 1; shard <= 30; shard += 1) {
      await tx.openRevocationList({ shard, issuer: 1, url: `http://gateway/crl/issuing/${shard}.crl` });
      for (const name of names(`s${shard}-`, 3)) {
        const retired = { state: 'retired', revokedAt: began - 1, revocationReason: 'superseded' } as const;
        const entry = certificate(name, 'a', { notAfter: began + 90 * day, ...retired });
        await tx.putCertificate(entry);
        await tx.nameShard(entry.fingerprint, shard);
      }
    }
  });
  let turns = 0;
  let isDone = false;
  const turn = (): void => {
    turns += 1;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  const inTurn = new Map<number, number>();
  pageGiven = () => void inTurn.set(turns, (inTurn.get(turns) ?? 0) + 1);
  await parts.app.crls.begin();
  const asked = await Promise.all(Array.from({ length: 30 }, (_, i) => parts.app.crls.inForce(i + 1)));
  await parts.outbox.idle();
  isDone = true;
  pageGiven = () => undefined;
  expect(signed).toHaveLength(31);
  expect(Math.max(...inTurn.values())).toBeLessThanOrEqual(3);
  for (const list of asked.filter((each) => each !== null)) expect(list.number).toBeGreaterThan(0);
  for (let shard = 1; shard <= 30; shard += 1) expect((await readList(shard)).revoked).toHaveLength(3);
});

it('go on in shards for new certificates when the complete list has grown, and list each where it says', async () => {
  await open('crl: { shardAbove: 10, interval: 1m }');
  const issued = async () => {
    const { certificate: view } = await issueDevice(parts.app, idOf('a'));
    return view;
  };
  const early = await issued();
  await enter(names('r', 10), { state: 'retired', revokedAt: began, revocationReason: 'superseded' });
  passedMs += 2 * minute;
  await beat();
  expect(await parts.app.store.read.newestRevocationList()).toMatchObject({ shard: 0, entries: 10 });
  const inShards: Awaited<ReturnType<typeof issued>>[] = [];
  for (let i = 0; i < 12; i += 1) inShards.push(await issued());
  const shards = await parts.app.store.read.revocationLists(0, 10);
  expect(shards.map(({ shard, certificates, entries }) => [shard, certificates, entries])).toEqual([
    [1, 10, 0],
    [2, 2, 0],
  ]);
  for (const each of [early, inShards[0], inShards[11]]) {
    if (each) await revoke(parts.app, each.fingerprint, 'keyCompromise');
  }
  passedMs += 2_000;
  await beat();
  expect((await readList(1)).revoked.map(({ serial }) => serial)).toEqual([inShards[0]?.serial]);
  expect((await readList(2)).revoked.map(({ serial }) => serial)).toEqual([inShards[11]?.serial]);
  const all = (await readList(0)).revoked.map(({ serial }) => serial);
  for (const each of [early, inShards[0], inShards[11]]) expect(all).toContain(each?.serial);
  expect(all).toHaveLength(13);
});

it('of a shard go when the last of its certificates has ended and was shown, but for the newest', async () => {
  await open('crl: { shardAbove: 10, interval: 1m }');
  await enter(names('r', 10), { state: 'retired', revokedAt: began, revocationReason: 'superseded' });
  passedMs += 2 * minute;
  await beat();
  for (let i = 0; i < 12; i += 1) await issueDevice(parts.app, idOf('a'));
  const first = await readList(1);
  for (let days = 1; days <= 100; days += 1) {
    passedMs = days * day;
    await beat();
    passedMs += 2_000;
    await beat();
  }
  expect((await parts.app.store.read.revocationLists(-1, 10)).map(({ shard }) => shard)).toEqual([0, 2]);
  expect(existsSync(parts.shelf.pathOf(first.list))).toBe(false);
});

it('never keep a certificate from being issued: what cannot open a shard names the complete list', async () => {
  await open('crl: { shardAbove: 10, interval: 1m }');
  await enter(names('r', 10), { state: 'retired', revokedAt: began, revocationReason: 'superseded' });
  passedMs += 2 * minute;
  await beat();
  isDown = true;
  const { certificate: view } = await issueDevice(parts.app, idOf('a'));
  const entry = await parts.app.store.read.certificate(view.fingerprint);
  expect(Buffer.from(entry?.der ?? []).includes('/crl/issuing.crl')).toBe(true);
  isDown = false;
  expect(ofComplete().length).toBeGreaterThan(0);
});
