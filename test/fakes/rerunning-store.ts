// A store that runs every unit of work twice, as an engine may that has to run one again: the first run is undone, and what it has done
// outside of its transaction shows. In its way stand only units that are not free of side effects.
import type { Store } from '../../src/ports/store.ts';

class Undone extends Error {}

/** What the first run rejects with is forgotten: the second is what counts. */
export function rerunning(store: Store): Store {
  const transact: Store['transact'] = (work) => {
    const undone = store.transact(async (tx) => {
      await work(tx);
      throw new Undone('to be run again');
    });
    undone.catch(() => undefined);
    return store.transact(work);
  };
  return Object.assign(Object.create(store) as Store, { transact });
}

/** Units of work run twice in the tests that open a store through this, where the environment says `NOLAPSE_TEST_UNITS=twice`. */
export function throughUnits(): { readonly throughStore?: (store: Store) => Store } {
  return process.env['NOLAPSE_TEST_UNITS'] === 'twice' ? { throughStore: rerunning } : {};
}
