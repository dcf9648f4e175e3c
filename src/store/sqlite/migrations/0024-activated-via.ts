// The site gateway through which a device showed that a certificate is in use: for one that no renewal brought, nothing else says it.
import type { Migration } from './migration.ts';

export const activatedViaMigration: Migration = {
  version: 24,
  name: 'activated-via',
  sql: 'ALTER TABLE certificate ADD COLUMN activated_via TEXT;',
};
