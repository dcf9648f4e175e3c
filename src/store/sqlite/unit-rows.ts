// The rows that one unit of work has read or written, by their keys. While it runs nobody else writes, so what it asks for again is
// not read again, and what it puts is written as far as it differs.
import type { Fingerprint, LedgerEntry } from '../../domain/certificate.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import type { Tables } from './tables/index.ts';

/** Rows of one kind that are remembered: a unit that goes through many does not come back to the first. */
const rowsMax = 256;

class Rows<Key, Row> {
  readonly #keyOf: (row: Row) => Key;
  readonly #read: (key: Key) => Row | null;
  readonly #write: (row: Row, held: Row | null) => void;
  readonly #known = new Map<Key, Row | null>();

  /** @param write is told what is stored under the row's key now; null: nothing. */
  constructor(keyOf: (row: Row) => Key, read: (key: Key) => Row | null, write: (row: Row, held: Row | null) => void) {
    this.#keyOf = keyOf;
    this.#read = read;
    this.#write = write;
  }

  get(key: Key): Row | null {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const row = this.#read(key);
    this.#note(key, row);
    return row;
  }

  /** Remembers a row that was read otherwise. */
  found(row: Row | null): Row | null {
    if (row) this.#note(this.#keyOf(row), row);
    return row;
  }

  /** The same of several. */
  allFound(rows: Row[]): Row[] {
    for (const row of rows) this.found(row);
    return rows;
  }

  put(row: Row): void {
    const key = this.#keyOf(row);
    const held = this.get(key);
    // Where the write fails, what is stored is not known.
    this.forget(key);
    this.#write(row, held);
    this.#note(key, row);
  }

  forget(key: Key): void {
    this.#known.delete(key);
  }

  #note(key: Key, row: Row | null): void {
    if (this.#known.size >= rowsMax) this.#known.clear();
    this.#known.set(key, row);
  }
}

export class UnitRows {
  readonly principals: Rows<PrincipalId, Principal>;
  readonly certificates: Rows<Fingerprint, LedgerEntry>;
  readonly renewals: Rows<string, Renewal>;

  constructor(tables: Tables) {
    this.principals = new Rows(({ id }) => id, tables.principal, tables.putPrincipal);
    this.certificates = new Rows(({ fingerprint }) => fingerprint, tables.certificate, tables.putCertificate);
    this.renewals = new Rows(({ id }) => id, tables.renewal, tables.putRenewal);
  }
}
