// A step is released to a thousand devices that are all there: told at the rate, a few in each turn of the event loop, and each once.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { putStep } from '../../src/app/enrollment/release-step.ts';
import { tellStep } from '../../src/app/enrollment/tell-step.ts';
import { announcePageMax } from '../../src/app/upkeep/announce.ts';
import { sweep } from '../../src/app/upkeep/sweep.ts';
import type { KeptStep } from '../../src/domain/trust-told.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import { principal } from '../contract/store/rows.ts';
import { idOf } from '../domain/samples.ts';
import { nobody } from '../fakes/nobody.ts';
import { type Assembled, assembled } from './assembled.ts';

const fleet = 1_000;
const perSecond = 400;
let sent: string[] = [];
/** Announcements in each turn of the event loop in which there were any. */
let turns: number[] = [];
let isTurn = false;
const everybodyListens: Sessions = {
  ...nobody,
  send: async (id, topic) => {
    expect(topic).toBe(`$enroll/1/${id}/trust`);
    sent.push(id);
    if (!isTurn) {
      isTurn = true;
      turns.push(0);
      setImmediate(() => {
        isTurn = false;
      });
    }
    turns[turns.length - 1] = (turns.at(-1) ?? 0) + 1;
    return 1;
  },
  listens: async (_, topic) => topic.endsWith('/trust'),
};

const bytes = new Uint8Array(565);
const released = (now: number): KeptStep => ({
  sequence: 100,
  kind: 'successor',
  signer: 1,
  named: 2,
  size: bytes.length,
  port: 8_885,
  madeAt: now,
  announcedFrom: now,
  keptUntil: now + 1_000_000_000,
});

let parts: Assembled;
let steady = 0;
let now = 1_800_000_000_000;

beforeEach(async () => {
  [sent, turns, steady] = [[], [], 0];
  parts = await assembled({
    yaml: `limits: { announcementsPerSecond: ${perSecond} }\n`,
    clock: { now: () => now, steady: () => steady },
    sessions: everybodyListens,
  });
  await parts.app.store.transact(async (tx) => {
    for (let i = 0; i < fleet; i += 1) await tx.putPrincipal(principal(`d${String(i).padStart(4, '0')}`));
  });
});
afterEach(() => parts.close());

const release = (): Promise<void> => parts.app.store.transact((tx) => putStep({ tx, now }, released(now), bytes));

/** What is carried out within so many seconds. */
async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    steady += 1_000;
    parts.outbox.poke();
    await parts.outbox.idle();
  }
}

it('tells everybody once, at the rate, and no more than a handful in a turn', async () => {
  await release();
  await parts.outbox.idle();
  expect(sent).toHaveLength(perSecond);
  await pass(1);
  expect(sent).toHaveLength(2 * perSecond);
  await pass(2);
  expect(sent).toHaveLength(fleet);
  expect(new Set(sent).size).toBe(fleet);
  // Twice what begins in a turn: one may be counted with the next.
  expect(Math.max(...turns)).toBeLessThanOrEqual(128);
  const { read } = parts.app.store;
  expect(await read.trustRecord(idOf('d0500'))).toMatchObject({ offered: { sequence: 100, root: 2 } });
  expect(await read.dueEffects(now, 10)).toEqual([]);
  expect(await read.queuedEffects('announce', now, 10)).toEqual([]);
  // Released once more, it is told nobody before its time.
  await release();
  await pass(3);
  expect(sent).toHaveLength(fleet);
});

it('keeps the place of whoever says hello while it waits', async () => {
  await release();
  await parts.outbox.idle();
  const { store } = parts.app;
  const [first] = await store.read.queuedEffects('announce', now, fleet);
  const id = first?.effect.kind === 'announce' ? first.effect.principalId : idOf('');
  now += 1;
  await store.transact(async (tx) => {
    for (let i = 0; i < 300; i += 1) {
      await tx.putPrincipal(principal(`later${i}`));
      await tx.enqueue({ kind: 'announce', principalId: idOf(`later${i}`), since: now });
    }
  });
  now += 1;
  expect(await tellStep(parts.app, id, { asked: null, reason: 'asked' })).toBe('queued');
  await pass(3);
  expect(sent).toHaveLength(fleet + 300);
  expect(sent.indexOf(id)).toBeLessThan(sent.findIndex((each) => each.startsWith('later')));
});

it('tells again whom it is time for, if they listen', async () => {
  await release();
  await pass(3);
  now += 9_000;
  await sweep(parts.app);
  await pass(3);
  expect(sent).toHaveLength(fleet);
  now += 1_000;
  for (let beat = 0; beat < 2; beat += 1) await sweep(parts.app);
  await pass(3);
  expect(sent).toHaveLength(2 * fleet);
});

it('goes on with the page at which it was killed', async () => {
  await parts.app.store.transact(async (tx) => {
    await tx.putTrustStep(released(now), bytes);
    const after = idOf(`d${String(fleet - announcePageMax - 11).padStart(4, '0')}`);
    await tx.enqueue({ kind: 'announce-all', sequence: 100, after });
  });
  parts.outbox.poke();
  await pass(3);
  expect(sent).toHaveLength(announcePageMax + 10);
  expect(sent.toSorted()[0]).toBe('d0734');
});

it('forgets a step whose older root has ended, and tells nobody of it', async () => {
  await parts.app.store.transact((tx) => putStep({ tx, now }, { ...released(now), keptUntil: now + 1 }, bytes));
  now += 1;
  await sweep(parts.app);
  await pass(3);
  expect(sent).toEqual([]);
  expect(await parts.app.store.read.trustSteps()).toEqual([]);
});
