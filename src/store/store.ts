// The application's store over one database: reads at once, writes only inside a unit of work.
import type { Store } from '../ports/store.ts';
import type { Database } from './database.ts';
import { Queries } from './query.ts';
import { TableReader } from './reader.ts';
import { tablesOf } from './tables.ts';
import { UnitTransaction } from './transaction.ts';

export function createStore(database: Database): Store {
  const tables = tablesOf(new Queries(database.sqlite));
  let listener: (() => void) | null = null;
  let telling = false;
  /** Once for all units of one commit, and apart from them: what the listener throws cannot fail what is committed. */
  const tell = (): void => {
    if (telling || !listener) return;
    telling = true;
    queueMicrotask(() => {
      telling = false;
      listener?.();
    });
  };
  return {
    read: new TableReader(tables),
    glance: { principal: tables.principal, delegationsFor: tables.delegationsFor },
    transact: async (work) => {
      let owes = false;
      const result = await database.submit(async (unit) => {
        const transaction = new UnitTransaction(tables, unit);
        const made = await work(transaction);
        owes = transaction.owes;
        return made;
      }, 'ledger');
      if (owes) tell();
      return result;
    },
    onOwed: (told) => {
      listener = told;
    },
    get isWell() {
      return database.isWell;
    },
    probe: () => database.probe(),
    close: () => database.close(),
  };
}
