// Who brought about what the journal records, through what, and why. Lines of before have none.
import type { Migration } from './migration.ts';

const sql = `
ALTER TABLE journal ADD COLUMN actor TEXT;
ALTER TABLE journal ADD COLUMN channel TEXT;
ALTER TABLE journal ADD COLUMN claimed INTEGER CHECK (claimed = 0 OR claimed = 1);
ALTER TABLE journal ADD COLUMN reason TEXT;
`;

export const actorMigration: Migration = { version: 29, name: 'actor', sql };
