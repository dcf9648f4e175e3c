// A place of the ledger that cannot be read keeps a sweep from one of its steps, and from none of the others.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { change } from '../../src/app/change.ts';
import { watchNewKinds } from '../../src/app/oversight/watch-principals.ts';
import { sweep } from '../../src/app/upkeep/sweep.ts';
import { certificate, digest, idOf, principal } from '../contract/store/rows.ts';
import { type Assembled, assembled } from './assembled.ts';

const day = 86_400_000;
let house: Assembled;

beforeEach(async () => {
  house = await assembled({});
  const now = Date.now();
  await house.app.store.transact(async (tx) => {
    await tx.putPrincipal(principal('due', { class: 'default', gateway: null }));
    await tx.putPrincipal(principal('over', { class: 'default', gateway: null }));
    await tx.putCertificate(certificate('due', 'due', { renewAt: now - 1, notAfter: now + day }));
    await tx.putCertificate(
      certificate('over', 'over', { state: 'superseded', overlapUntil: now - 1, renewAt: null, notAfter: now + day }),
    );
    await tx.putWatch(idOf('due'), 0);
  });
});
afterEach(() => house.close());

const damaged = ['endedCertificates', 'dueRenewals', 'dueCertificates', 'principals', 'dueWatches'] as const;

/** Has this read fail, within units of work and outside. */
function damage(name: (typeof damaged)[number]): void {
  const { store } = house.app;
  const fail = () => Promise.reject(new Error(`damaged: ${name}`));
  Object.assign(store.read, { [name]: fail });
  const { transact } = store;
  store.transact = (unit) => transact((tx) => unit(Object.assign(tx, { [name]: fail })));
}

it.each(damaged)('goes on with everything else where %s cannot be read', async (name) => {
  const { store } = house.app;
  // So that the inventory is gone through as well.
  await change(house.app, watchNewKinds);
  damage(name);
  await sweep(house.app).catch((error: Error) => expect(error.message).toBe(`damaged: ${name}`));
  const stateOf = async (of: string) => (await store.read.certificate(digest(`certificate ${of}`)))?.state;
  if (name !== 'endedCertificates') expect(await stateOf('over')).toBe('retired');
  if (name !== 'dueCertificates') expect(await store.read.openRenewalFor(digest('certificate due'))).not.toBeNull();
  if (name !== 'dueWatches') expect(await store.read.dueWatches(Date.now(), 10)).toEqual([]);
});
