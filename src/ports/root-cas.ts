// The keys and certificates of the home's roots, as an application needs them that has the next one made. Which of them is in which slot
// is in the ledger: what is here under a number that it does not know is nobody's, and may be overwritten.
import type { Fingerprint } from '../domain/certificate.ts';
import type { Instant } from '../domain/time.ts';
import type { GivenFile, MadeCa } from './issuing-cas.ts';

/** The next root, by the numbers that the ledger gives it and the first issuing CA below it. */
export interface NextRoot {
  readonly number: number;
  readonly issuing: number;
  /** The number of the present root, which names the next one. */
  readonly present: number;
  /** Of the step in which it does. */
  readonly sequence: number;
}

/** A root's certificate, and those below it that were made with it. */
export interface MadeRoot {
  readonly fingerprint: Fingerprint;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly issuing: MadeCa;
}

/** What waits for what is made elsewhere. */
export interface AwaitedRoot extends NextRoot {
  /** The key of the issuing CA, which is here. */
  readonly keyFingerprint: Fingerprint;
  /** Null: the root itself is made elsewhere, and has not come. */
  readonly made: MadeRoot | null;
}

/** The step in which a root drops the older ones. */
export interface DropStep {
  /** The number of the root that says so. */
  readonly root: number;
  readonly sequence: number;
}

/** A root's withdrawal of itself as it came from where it is kept. */
export interface GivenWithdrawal extends GivenFile {
  /** Null: it is not sealed. */
  readonly passphrase: string | null;
}

/** Nothing here is done within a unit of work: it makes keys and signatures. What is written is on the disk when it resolves. */
export interface RootCas {
  /** Is the key of this root in the home? */
  hasKey(number: number): boolean;
  /** The certificate of this root, DER. @throws NolapseError where there is none, or it cannot be read. */
  certificate(number: number): Uint8Array;
  /**
   * Makes a root, the issuing CA below it, the server's pair of the second port, and the root's withdrawal of itself, which is encrypted
   * with a passphrase of its own. The withdrawal is in a file that no backup takes. Fails with a NolapseError.
   */
  make(next: NextRoot, passphrase: string, now: Instant): Promise<MadeRoot>;
  /** The step in which the present root names the next one, signed with the present root's key, which has to be here. */
  sign(next: NextRoot): Uint8Array;
  /** Signs it with that root's key, which has to be here. */
  signDrop(drop: DropStep): Uint8Array;
  /** Its text, to be signed elsewhere. */
  dropText(drop: DropStep): string;
  /** Finds that root's signature among these files, or the signed step: @returns its bytes, or every fault with its file. */
  takeDrop(
    drop: DropStep,
    files: readonly GivenFile[],
  ): { readonly step: Uint8Array } | { readonly faults: readonly string[] };
  /** Opens the withdrawal of this root and checks it: @returns the step as devices fetch it, or what is wrong with the file. */
  openWithdrawal(
    number: number,
    given: GivenWithdrawal,
  ): Promise<{ readonly step: Uint8Array; readonly sequence: number } | { readonly faults: readonly string[] }>;
  /** Makes the key of the issuing CA alone, for a root that is made elsewhere. */
  makeIssuingKey(next: NextRoot): Promise<Fingerprint>;
  /**
   * What is to be signed elsewhere now: a PKCS#10 request in PEM for the root that is made elsewhere; then the text of the step, for the
   * present root's key.
   */
  request(awaited: AwaitedRoot): string;
  /**
   * Takes a root that was made elsewhere, with the certificate that it has signed for the issuing CA, and makes the server's pair.
   * @returns every fault, each with its file, and then nothing is changed.
   */
  takeRoot(
    awaited: AwaitedRoot,
    files: readonly GivenFile[],
    now: Instant,
  ): Promise<MadeRoot | { readonly faults: readonly string[] }>;
  /** Finds the present root's signature among these files, or the signed step: @returns its bytes, or every fault with its file. */
  takeStep(
    awaited: AwaitedRoot,
    files: readonly GivenFile[],
  ): { readonly step: Uint8Array } | { readonly faults: readonly string[] };
  /** Where the sealed withdrawal of this root is while nobody has moved it away; null: it is not here. */
  withdrawalFile(number: number): string | null;
  /** Takes away the key and the certificate of a root, and its withdrawal. */
  forget(number: number): void;
}
