// Whether a device signed its request with the key before it: a policy that requires this takes nothing from those that do.
import type { Migration } from './migration.ts';

export const renewalSignedMigration: Migration = {
  version: 18,
  name: 'renewal-signed',
  sql: 'ALTER TABLE renewal ADD COLUMN signed INTEGER NOT NULL DEFAULT 0 CHECK (signed IN (0, 1));',
};
