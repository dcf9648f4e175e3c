// Many devices come within one beat, on a machine on which each takes a millisecond to write: a transaction ends when its time is up, and the
// next goes on.
import { expect, it, vi } from 'vitest';
import { principal } from '../contract/store/rows.ts';
import { idOf } from '../domain/samples.ts';
import { assembled } from './assembled.ts';

const coming = 100;

it('are written in transactions of a bounded time, none left out', async () => {
  let steady = 0;
  const clock = {
    now: () => 1_800_000_000_000,
    steady: () => {
      steady += 1;
      return steady;
    },
  };
  const { app, close } = await assembled({ clock });
  const ids = Array.from({ length: coming }, (_, i) => idOf(`d${i}`));
  await app.store.transact(async (tx) => {
    for (const id of ids) await tx.putPrincipal(principal(id));
  });
  for (const id of ids) app.presences.came(id);
  const transactions = vi.spyOn(app.store, 'transact');
  await app.presences.flush();
  expect(transactions.mock.calls.length).toBeGreaterThan(coming / 20);
  expect(transactions.mock.calls.length).toBeLessThan(coming / 4);
  for (const id of ids) expect(await app.store.read.presence(id)).toMatchObject({ leftAt: null });
  await close();
});
