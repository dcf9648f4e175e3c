// What a restored ledger would have to learn: certificates that are new or have another state, and principals whose status changed. It
// waits in the ledger, noted by the transaction that changes it, until it is recorded elsewhere.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { LedgerChange } from '../../domain/issued-record.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { Database } from './database.ts';
import { Queries } from './query.ts';
import type { Statement } from './sqlite.ts';
import { type Tables, tablesOf } from './tables/index.ts';

/** Of this connection alone. What is noted again waits once, with its newest state. */
const triggers = `
CREATE TEMP TRIGGER IF NOT EXISTS certificate_is_new AFTER INSERT ON main.certificate BEGIN
  INSERT OR REPLACE INTO unrecorded (kind, subject) VALUES ('issued', new.fingerprint);
END;
CREATE TEMP TRIGGER IF NOT EXISTS certificate_has_changed AFTER UPDATE OF state, overlap_until, revoked_at ON main.certificate
  WHEN old.state <> new.state OR old.overlap_until IS NOT new.overlap_until OR old.revoked_at IS NOT new.revoked_at
BEGIN
  INSERT OR REPLACE INTO unrecorded (kind, subject) VALUES ('state', new.fingerprint);
END;
CREATE TEMP TRIGGER IF NOT EXISTS principal_has_changed AFTER UPDATE OF status ON main.principal WHEN old.status <> new.status
BEGIN
  INSERT OR REPLACE INTO unrecorded (kind, subject) VALUES ('principal', new.id);
END;
`;

/** Under this name the ledger keeps the number of the change that was recorded last. */
export const recordedSetting = 'issued.number';

interface Row {
  readonly change: number;
  readonly kind: 'issued' | 'state' | 'principal';
  readonly subject: string;
}

export interface WaitingChange {
  readonly row: number;
  readonly change: LedgerChange;
}

export class Changes {
  readonly #database: Database;
  readonly #tables: Tables;
  readonly #page: Statement<[number], Row>;
  readonly #places: Statement<[], { readonly first: number | null; readonly last: number | null }>;
  readonly #count: Statement<[], number>;
  readonly #drop: Statement<[number]>;

  constructor(database: Database) {
    const { sqlite } = database;
    sqlite.exec(triggers);
    this.#database = database;
    this.#tables = tablesOf(new Queries(sqlite));
    this.#page = sqlite.prepare('SELECT change, kind, subject FROM unrecorded ORDER BY change LIMIT ? + 0');
    // Each a look at one end of the table.
    this.#places = sqlite.prepare(
      'SELECT (SELECT min(change) FROM unrecorded) AS first, (SELECT max(change) FROM unrecorded) AS last',
    );
    this.#count = sqlite.prepare<[], number>('SELECT count(*) FROM unrecorded').pluck() as Statement<[], number>;
    this.#drop = sqlite.prepare('DELETE FROM unrecorded WHERE change = ?');
  }

  /** Of the first and the last that waits; null: none does. */
  get places(): { readonly first: number; readonly last: number } | null {
    const { first, last } = this.#places.get() ?? { first: null, last: null };
    return first === null || last === null ? null : { first, last };
  }

  get count(): number {
    return this.#count.get() ?? 0;
  }

  /** The first of them, as they are now. */
  waiting(limit: number): WaitingChange[] {
    return this.#page.all(limit).map((row) => ({ row: row.change, change: this.#changeOf(row) }));
  }

  /** They are recorded, the last of them under this number. */
  async settle(changes: readonly WaitingChange[], number: number): Promise<void> {
    await this.#database.submit(() => {
      for (const { row } of changes) this.#drop.run(row);
      this.#tables.putSetting(recordedSetting, String(number));
    }, 'ledger');
  }

  #changeOf({ kind, subject }: Row): LedgerChange {
    const { certificate, principal } = this.#tables;
    if (kind === 'principal') return { kind, principal: principal(subject as PrincipalId), certificate: null };
    const entry = certificate(subject as Fingerprint);
    return { kind, certificate: entry, principal: kind === 'issued' && entry ? principal(entry.principalId) : null };
  }
}
