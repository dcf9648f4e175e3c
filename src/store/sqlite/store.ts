// The application's store over one database: reads at once, writes only inside a unit of work.
import type { Owed } from '../../domain/effect.ts';
import type { Store } from '../../ports/store.ts';
import { Bell } from '../bell.ts';
import { speakers } from '../speakers.ts';
import { telemetryGrants } from '../telemetry-grants.ts';
import { Claims } from './claims.ts';
import type { Database } from './database.ts';
import { JournalLines } from './journal-lines.ts';
import { type KnownTables, knownTables } from './known-tables.ts';
import { Queries } from './query.ts';
import { TableReader } from './reader.ts';
import { tablesOf } from './tables/index.ts';
import { UnitTransaction } from './transaction.ts';

/** The same tables, which tell of a principal or a delegation before it is written: until the transaction has ended nothing is remembered. */
function telling(tables: KnownTables, changed: () => void): KnownTables {
  return {
    ...tables,
    putPrincipal: (principal) => {
      changed();
      tables.putPrincipal(principal);
    },
    putDelegation: (delegation) => {
      changed();
      tables.putDelegation(delegation);
    },
  };
}

export function createStore(database: Database): Store {
  const queried = knownTables(tablesOf(new Queries(database.sqlite)));
  database.onUndone(queried.forgetAll);
  const isUncommitted = (): boolean => database.sqlite.inTransaction;
  const grants = telemetryGrants(queried, isUncommitted);
  const known = speakers(queried, isUncommitted);
  const changed = (): void => {
    grants.changed();
    known.changed();
  };
  const lines = new JournalLines(queried);
  database.defer(lines);
  const tables = lines.within(telling(queried, changed));
  const owed = new Bell<Owed>();
  const notified = new Bell<string>();
  const claims = new Claims(queried);
  let holdsResidue = false;
  return {
    read: new TableReader(tables),
    glance: {
      principal: known.principal,
      litUntil: tables.ownLitUntil,
      delegationsFor: known.delegationsFor,
      telemetryUntil: grants.until,
    },
    claims,
    transact: async (work, pace = 'now') => {
      const { made, did } = await database.transact(async (unit) => {
        const transaction = new UnitTransaction(tables, unit);
        return { made: await work(transaction), did: transaction };
      }, pace);
      claims.ended(did.carriedOut);
      owed.ring(did.owed);
      notified.ring(did.notified);
      holdsResidue ||= did.drops;
      return made;
    },
    onOwed: (listener) => owed.listen(listener),
    onNotify: (listener) => notified.listen(listener),
    onRefused: (listener) => database.onRefused((reason) => queueMicrotask(() => listener(reason))),
    get isWell() {
      return database.isWell;
    },
    file: database.file,
    probe: () => database.probe(),
    scrub: async () => {
      if (!holdsResidue) return;
      holdsResidue = false;
      try {
        await database.scrub();
      } catch (error) {
        holdsResidue = true;
        throw error;
      }
    },
    close: () => {
      // Whoever asks a store that is closed is told so.
      changed();
      return database.close();
    },
  };
}
