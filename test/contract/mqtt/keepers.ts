// Whoever keeps the broker's sessions and messages, as the suite of this folder runs on each. A second implementation is a second entry.
import type { MqttPersistenceOptions } from '../../../src/ports/mqtt-options.ts';
import type { MqttPersistence } from '../../../src/ports/mqtt-persistence.ts';
import { createMqttPersistence } from '../../../src/store/mqtt/persistence.ts';
import { type Database, openDatabase } from '../../../src/store/sqlite/database.ts';
import { beginLedger } from '../sqlite/empty-ledger.ts';

export interface Kept {
  readonly persistence: MqttPersistence;
  /** Messages in all queues, as they are kept. */
  queued(): number;
  /** From now on no message of this topic can be put into a queue: the storage refuses it. */
  refuse(topic: string): void;
  close(): Promise<void>;
}

export interface Keeper {
  readonly name: string;
  /** Opens what is kept at this place, a path that no other test uses; empty where there is nothing yet. */
  open(place: string, options: MqttPersistenceOptions): Promise<Kept>;
}

export async function openSqliteKept(
  file: string,
  options: MqttPersistenceOptions,
  opened: (database: Database) => void = () => undefined,
): Promise<Kept> {
  await beginLedger(file);
  const database = openDatabase(file);
  opened(database);
  const count = database.sqlite.prepare('SELECT count(*) FROM mqtt_outgoing').pluck();
  return {
    persistence: createMqttPersistence(database, options),
    queued: () => Number(count.get()),
    refuse: (topic) =>
      void database.sqlite.exec(`CREATE TRIGGER full BEFORE INSERT ON mqtt_outgoing WHEN NEW.topic = '${topic}'
      BEGIN SELECT RAISE(ABORT, 'no space'); END`),
    close: () => database.close(),
  };
}

export const sqliteKeeper: Keeper = { name: 'SQLite', open: openSqliteKept };

export const keepers: readonly Keeper[] = [sqliteKeeper];
