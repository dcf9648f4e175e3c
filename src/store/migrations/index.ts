// Every step of the schema, in order. A new step is one new file and one line here.
import { ledgerMigration } from './0001-ledger.ts';
import type { Migration } from './migration.ts';

export const migrations: readonly Migration[] = [ledgerMigration];
