// Revocation lists as the ledger keeps them, and the place where their bytes are kept.
import type { Fingerprint, RevocationReason, Serial } from '../domain/certificate.ts';
import type { RevocationList, Signing } from '../domain/revocation-list.ts';
import type { Instant } from '../domain/time.ts';

/** Where an entry stands in a list: in the order of the ends of the certificates. */
export interface ListPlace {
  readonly notAfter: Instant;
  readonly serial: Serial | '';
}

/** A certificate that a list names. */
export interface ListEntry {
  readonly serial: Serial;
  readonly notAfter: Instant;
  readonly revokedAt: Instant;
  readonly reason: RevocationReason;
}

/** A list that was signed and whose bytes are kept. */
export type SignedList = Omit<Signing, 'listedFrom'> &
  Pick<RevocationList, 'shard' | 'entries' | 'bytes' | 'listedRevoked' | 'listedUrgent'>;

/** A list that begins. */
export type OpenedList = Pick<RevocationList, 'shard' | 'issuer' | 'url'>;

export interface RevocationListReader {
  /** The complete list of the first issuing CA is there from the beginning. */
  revocationList(shard: number): Promise<RevocationList | null>;
  /** The shard that certificates which name this URL belong to. */
  revocationListAt(url: string): Promise<RevocationList | null>;
  /** Of all issuing CAs the shard opened last, or the complete list of the first. */
  newestRevocationList(): Promise<RevocationList | null>;
  /** The shard opened last of this issuing CA. */
  newestShard(issuer: number): Promise<RevocationList | null>;
  /** The list whose nextUpdate comes first. */
  firstRevocationListToEnd(): Promise<RevocationList | null>;
  /** In order of shard, after this one; -Number.MAX_SAFE_INTEGER: from the first on. */
  revocationLists(after: number, limit: number): Promise<RevocationList[]>;
  /**
   * Lists to be signed at `now`, what is urgent first; one may be named twice. `waitMs`: how long what was only superseded may wait.
   * Reads at most four times `limit` rows.
   */
  revocationListsToSign(now: Instant, waitMs: number, limit: number): Promise<RevocationList[]>;
  /** Revoked certificates in a list's scope after a place, also those that have ended. Reads no more than `limit` rows. */
  listEntries(shard: number, after: ListPlace, limit: number): Promise<ListEntry[]>;
}

export interface RevocationListWriter {
  /** Begins a list. Fails with NolapseError `conflict` when there is one of this number or URL. */
  openRevocationList(list: OpenedList): Promise<void>;
  /** Fails with NolapseError `conflict` when a list of this number or a later one was put; a shard that is gone stays so. */
  putSignedList(list: SignedList): Promise<void>;
  dropRevocationList(shard: number): Promise<void>;
  /** A certificate in the ledger names a shard as the place of its revocation. */
  nameShard(fingerprint: Fingerprint, shard: number): Promise<void>;
}

/** Keeps the bytes of lists, outside the ledger. What is lost is signed anew. */
export interface ListShelf {
  /** Keeps a list durably and returns its bytes' number. Rejects when it cannot; what was kept before stays. */
  keep(shard: number, number: number, der: readonly Uint8Array[]): Promise<number>;
  /** Is it kept, whole? */
  has(list: RevocationList): Promise<boolean>;
  /** Where it is kept. */
  pathOf(list: Pick<RevocationList, 'shard' | 'number'>): string;
  /** Forgets what is kept of a shard but these numbers. */
  forget(shard: number, but: readonly number[]): Promise<void>;
  /** Keeps the list of a root durably, under a name that stays the same. What is there already is not written again. */
  keepRootList(root: number, der: Uint8Array): Promise<void>;
}
