// The PKCS#10 request as its holder sent it: authorities elsewhere certify nothing without one.
import type { Migration } from './migration.ts';

export const requestCsrMigration: Migration = {
  version: 26,
  name: 'request-csr',
  sql: 'ALTER TABLE request ADD COLUMN csr BLOB;',
};
