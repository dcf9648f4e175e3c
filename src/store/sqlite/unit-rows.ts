// The rows that one unit of work has read or written, by their keys. While it runs nobody else writes, so what it asks for again is
// not read again, and what it puts is written as far as it differs.
import type { Fingerprint, LedgerEntry } from '../../domain/certificate.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import type { Tables } from './tables/index.ts';

/** Rows of one kind that are remembered: a unit that goes through many does not come back to the first. */
const rowsMax = 256;

class Rows<Key, Row> {
  readonly #read: (key: Key) => Row | null;
  readonly #known = new Map<Key, Row | null>();

  constructor(read: (key: Key) => Row | null) {
    this.#read = read;
  }

  get(key: Key): Row | null {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const row = this.#read(key);
    this.note(key, row);
    return row;
  }

  note(key: Key, row: Row | null): void {
    if (this.#known.size >= rowsMax) this.#known.clear();
    this.#known.set(key, row);
  }

  forget(key: Key): void {
    this.#known.delete(key);
  }
}

export class UnitRows {
  readonly #tables: Tables;
  readonly #principals: Rows<PrincipalId, Principal>;
  readonly #certificates: Rows<Fingerprint, LedgerEntry>;
  readonly #renewals: Rows<string, Renewal>;

  constructor(tables: Tables) {
    this.#tables = tables;
    this.#principals = new Rows(tables.principal);
    this.#certificates = new Rows(tables.certificate);
    this.#renewals = new Rows(tables.renewal);
  }

  principal(id: PrincipalId): Principal | null {
    return this.#principals.get(id);
  }

  putPrincipal(principal: Principal): void {
    this.#principals.forget(principal.id);
    this.#tables.putPrincipal(principal);
  }

  certificate(fingerprint: Fingerprint): LedgerEntry | null {
    return this.#certificates.get(fingerprint);
  }

  /** Remembers certificates that were read otherwise. */
  certificates(entries: LedgerEntry[]): LedgerEntry[] {
    for (const entry of entries) this.#certificates.note(entry.fingerprint, entry);
    return entries;
  }

  putCertificate(entry: LedgerEntry): void {
    const held = this.#certificates.get(entry.fingerprint);
    // Where the write fails, what is stored is not known.
    this.#certificates.forget(entry.fingerprint);
    this.#tables.putCertificate(entry, held);
    this.#certificates.note(entry.fingerprint, entry);
  }

  certificateSeen(fingerprint: Fingerprint, at: number): void {
    this.#certificates.forget(fingerprint);
    this.#tables.certificateSeen(fingerprint, at);
  }

  renewal(id: string): Renewal | null {
    return this.#renewals.get(id);
  }

  /** Remembers a renewal that was read otherwise. */
  renewalRead(renewal: Renewal | null): Renewal | null {
    if (renewal) this.#renewals.note(renewal.id, renewal);
    return renewal;
  }

  /** Remembers renewals that were read otherwise. */
  renewals(renewals: Renewal[]): Renewal[] {
    for (const renewal of renewals) this.#renewals.note(renewal.id, renewal);
    return renewals;
  }

  putRenewal(renewal: Renewal): void {
    const held = this.#renewals.get(renewal.id);
    this.#renewals.forget(renewal.id);
    this.#tables.putRenewal(renewal, held);
    this.#renewals.note(renewal.id, renewal);
  }
}
