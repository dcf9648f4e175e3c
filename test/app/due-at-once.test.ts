// Ten thousand devices that are all there and all due at once: offered at the rate, the rest waits in the ledger, and no beat of
// the sweep reads it again.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sweep } from '../../src/app/upkeep/sweep.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import { certificate, principal } from '../contract/store/rows.ts';
import { nobody } from '../fakes/nobody.ts';
import { type Assembled, assembled } from './assembled.ts';

const fleet = 10_000;
const perSecond = 100;
const sent: string[] = [];
const everybodyListens: Sessions = {
  ...nobody,
  send: async (id) => sent.push(id),
  listens: async () => true,
};

let parts: Assembled;
let steady = 0;

beforeEach(async () => {
  parts = await assembled({
    yaml: `limits: { offersPerSecond: ${perSecond} }\nsweep: { batch: 1000 }\n`,
    clock: { now: () => Date.now(), steady: () => steady },
    sessions: everybodyListens,
  });
});
afterEach(() => parts.close());

it('are offered at the rate, whose certificate ends first goes first', async () => {
  const { app, outbox } = parts;
  const now = Date.now();
  await app.store.transact(async (tx) => {
    for (let i = 0; i < fleet; i += 1) {
      const id = `d${String(i).padStart(5, '0')}`;
      await tx.putPrincipal(principal(id));
      // The last to be entered end first.
      const notAfter = now + 86_400_000 + (fleet - i) * 1_000;
      await tx.putCertificate(certificate(id, id, { state: 'active', notAfter, renewAt: now - 1 }));
    }
  });
  await sweep(app);
  await outbox.idle();
  expect(sent).toHaveLength(perSecond);
  // Everything is opened, once; the next beats have nothing to do, and read nothing of what waits.
  expect((await sweep(app)).due).toBe(0);
  let read = 0;
  const { claims } = app.store;
  const { claim } = claims;
  claims.claim = async (...asked) => {
    const waiting = await claim.apply(claims, asked);
    read += waiting.length;
    return waiting;
  };
  for (let beat = 0; beat < 20; beat += 1) {
    await sweep(app);
    outbox.poke();
    await outbox.idle();
  }
  expect(read).toBe(0);
  expect(sent).toHaveLength(perSecond);
  steady += 2_000;
  outbox.poke();
  await outbox.idle();
  expect(sent).toHaveLength(2 * perSecond);
  expect(read).toBeLessThanOrEqual(2 * perSecond);
  const last = fleet - 1;
  const expected = Array.from({ length: 2 * perSecond }, (_, i) => `d${String(last - i).padStart(5, '0')}`);
  expect(new Set(sent)).toEqual(new Set(expected));
}, 120_000);
