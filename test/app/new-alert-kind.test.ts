// A version that brings a new kind of alert about principals looks for it in the whole fleet, also in devices that do not change.
import { afterEach, expect, it } from 'vitest';
import { change } from '../../src/app/change.ts';
import { settleAtStart } from '../../src/app/oversight/settle-start.ts';
import { sweep } from '../../src/app/upkeep/sweep.ts';
import { idOf, principal } from '../domain/samples.ts';
import { type Assembled, assembled } from './assembled.ts';

let home: Assembled;
afterEach(() => home.close());

const open = async () =>
  (await home.app.store.read.alerts({ open: true }, 10)).map(({ kind, subject }) => [kind, subject]);

it('is looked for once, at the start', async () => {
  home = await assembled();
  const { app } = home;
  // As the ledger is when a version has looked at the device that did not know the kind.
  await change(app, async ({ tx }) => {
    await tx.putPrincipal(principal({ id: idOf('pump-1'), owner: '' }));
    await tx.putWatch(idOf('pump-1'), null);
    await tx.putSetting('watched-kinds', 'expiry_approaching lapsed');
  });
  await sweep(app);
  expect(await open()).toEqual([]);
  await settleAtStart(app);
  await sweep(app);
  expect(await open()).toEqual([['no_owner', 'pump-1']]);
  await settleAtStart(app);
  expect((await sweep(app)).watched).toBe(0);
});
