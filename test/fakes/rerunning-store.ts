// A store that runs every unit of work twice, as an engine may that has to run one again: the first run is undone, and what it has done
// outside of its transaction shows. In its way stand only units that are not free of side effects.
import type { Store } from '../../src/ports/store.ts';
import { watched } from './watched-units.ts';

class Undone extends Error {}

/** What the first run rejects with is forgotten: the second is what counts. */
export function rerunning(store: Store): Store {
  const transact: Store['transact'] = (work, pace) => {
    const undone = store.transact(async (tx) => {
      await work(tx);
      throw new Undone('to be run again');
    }, pace);
    undone.catch(() => undefined);
    return store.transact(work, pace);
  };
  return Object.assign(Object.create(store) as Store, { transact });
}

/**
 * What the tests open their stores through: units of work are watched, and run twice where the environment says
 * `NOLAPSE_TEST_UNITS=twice`.
 */
export function throughUnits(): { readonly throughStore: (store: Store) => Store } {
  const isTwice = process.env['NOLAPSE_TEST_UNITS'] === 'twice';
  return { throughStore: (store) => (isTwice ? rerunning(watched(store)) : watched(store)) };
}
