// The keys and certificates of the home's issuing CAs, as an application needs them that has others made and put in place. Which of them
// is in which slot is in the ledger: what is here under a number that it does not know is nobody's, and may be overwritten.
import type { Fingerprint } from '../domain/certificate.ts';
import type { IssuingSlot, SlotCertificate } from '../domain/issuing-slots.ts';
import type { Instant } from '../domain/time.ts';

/** Which issuing CA, and below which root. */
export type CaPlace = Pick<IssuingSlot, 'number' | 'root'>;

export interface MadeCa {
  readonly keyFingerprint: Fingerprint;
  readonly certificate: SlotCertificate;
}

/** What the certificate of an operator says. */
export interface OperatorBody {
  readonly name: string;
  readonly spki: Uint8Array;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

/** A file as an operator gave it, with the name that faults are told by. */
export interface GivenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Nothing here is done within a unit of work: it makes keys and signatures. What is written is on the disk when it resolves. */
export interface IssuingCas {
  /** Milliseconds that an issuing CA lives which is made here. */
  readonly lifetimeMs: number;
  /** Until when the root with this number is good, and whether its key is in the home. Fails with a NolapseError where it cannot be read. */
  root(number: number): { readonly notAfter: Instant; readonly hasKey: boolean };
  /** Makes a key and has the root certify it. Fails with a NolapseError, also where the root's key is not here. */
  make(place: CaPlace, now: Instant): Promise<MadeCa>;
  /** Makes a key alone. */
  makeKey(place: CaPlace): Promise<{ readonly keyFingerprint: Fingerprint }>;
  /** DER of a PKCS#10 request for the certificate of a key that is here. */
  request(slot: IssuingSlot): Uint8Array;
  /**
   * Finds among these files the certificate of the key that a slot has, and keeps it.
   * @param others issuing CAs whose name it may not have.
   * @returns every fault, each with its file, and then nothing is changed.
   */
  take(
    slot: IssuingSlot,
    files: readonly GivenFile[],
    others: readonly IssuingSlot[],
    now: Instant,
  ): Promise<SlotCertificate | { readonly faults: readonly string[] }>;
  /**
   * Has an issuing CA certify the key of an operator of the HTTP API. `spki` is DER.
   * @returns DER of the certificate, and of those above it without the root. Fails with a NolapseError where the CA cannot sign.
   */
  certifyOperator(slot: IssuingSlot, operator: OperatorBody): Promise<readonly [Uint8Array, ...Uint8Array[]]>;
  /** Takes its key and its certificate away. */
  forget(number: number): void;
  /** Fails with a NolapseError where {@link use} would. */
  check(slots: readonly IssuingSlot[]): void;
  /** From now on these slots hold: the authority signs with the current one. Fails with a NolapseError, and then nothing has changed. */
  use(slots: readonly IssuingSlot[]): void;
  /** The number of the issuing CA among these that signed a certificate, DER; null: none did. */
  signerOf(certificate: Uint8Array, slots: readonly IssuingSlot[]): number | null;
}
