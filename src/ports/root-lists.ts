// The revocation lists of roots, which name the issuing CAs that a root has revoked, and what is made of them with the root's key.
import type { IssuingSlot } from '../domain/issuing-slots.ts';
import type { RevokedIssuing, RootList } from '../domain/root-list.ts';
import type { Instant } from '../domain/time.ts';
import type { GivenFile } from './issuing-cas.ts';

export interface RootListReader {
  /** The list of this root that is out; null: none was signed yet. */
  rootList(root: number): Promise<RootList | null>;
  /** Its DER; null: none was signed yet. */
  rootListBytes(root: number): Promise<Uint8Array | null>;
  /** The issuing CAs of this home that are revoked, whatever has become of them, in order of number. */
  revokedIssuing(): Promise<RevokedIssuing[]>;
}

export interface RootListWriter {
  /** Keeps a root's list. Fails with NolapseError `conflict` where one of this number with other bytes, or of a later number, is out. */
  putRootList(list: RootList, der: Uint8Array): Promise<void>;
  /** An issuing CA is revoked: its root's next list names it. The first time and reason stay. */
  revokeIssuing(revoked: RevokedIssuing): Promise<void>;
}

/** What a list is to say. */
export type ListBody = Omit<RootList, 'root'>;

/** How a list is signed where the root's key is. */
export interface ListRequest {
  /** DER of the TBSCertList (RFC 5280, 5.1): these bytes are signed. */
  readonly body: Uint8Array;
  /** Of the signature, as `openssl dgst` names it. */
  readonly digest: 'sha256' | 'sha384';
}

/** What is known of a root whose list is offered. */
export interface ListedRoot {
  readonly root: number;
  /** The list that is out, DER; null: none. */
  readonly kept: Uint8Array | null;
  /** What its key was asked to sign; null: nothing. */
  readonly asked: ListRequest | null;
  readonly revoked: readonly RevokedIssuing[];
  /** Issuing CAs below it that are not revoked. */
  readonly inUse: readonly Pick<IssuingSlot, 'number' | 'root' | 'certificate'>[];
}

/** A list as it was read. */
export type TakenList = RootList & { readonly der: Uint8Array };

/** Reads and writes keys and certificates of the home. Nothing here is done within a unit of work: it makes and verifies signatures. */
export interface RootLists {
  /** The serial number and the end of an issuing CA's certificate. Fails with a NolapseError where it is not in the home. */
  certificateOf(
    slot: Pick<IssuingSlot, 'number' | 'root' | 'certificate'>,
  ): Pick<RevokedIssuing, 'serial' | 'notAfter'>;
  /** Signs a list with the root's key, which has to be in the home. @returns its DER. */
  sign(root: number, list: ListBody): Uint8Array;
  /** Fails with NolapseError `unsupported_key` where the root's key is of a type that no list is signed with here. */
  request(root: number, list: ListBody): ListRequest;
  /** What the list that is out says. */
  read(root: number, der: Uint8Array): ListBody;
  /**
   * Takes lists that were made elsewhere, PEM or DER, and signatures over what was asked for, as `openssl dgst -sign` writes them or in
   * base64. @returns every fault, each with its file, and then nothing is to be changed.
   */
  take(
    files: readonly GivenFile[],
    roots: readonly ListedRoot[],
    now: Instant,
  ): readonly TakenList[] | { readonly faults: readonly string[] };
}
