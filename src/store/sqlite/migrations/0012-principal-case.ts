// Finds ids that differ by case alone. Not unique: a home may have such pairs from before they were refused.
import type { Migration } from './migration.ts';

export const principalCaseMigration: Migration = {
  version: 12,
  name: 'principal-case',
  sql: 'CREATE INDEX principal_case ON principal (id COLLATE NOCASE);',
};
