// Offers and issuance are carried out at a rate: what waits of them stands in the order of who has least time left.
import type { Migration } from './migration.ts';

const sql = `
-- The place of an effect among those of its kind that are carried out at a rate; null: as soon as it is due.
ALTER TABLE effect ADD COLUMN rank INTEGER;
UPDATE effect SET rank = 0 WHERE kind = 'issue';
DROP INDEX effect_due;
CREATE INDEX effect_due ON effect (due_at, rank) WHERE rank IS NULL;
CREATE INDEX effect_queue ON effect (kind, rank, due_at) WHERE rank IS NOT NULL;
`;

export const queuesMigration: Migration = { version: 6, name: 'queues', sql };
