// Makes and checks the cross certificates of the home's roots. Nothing here is done within a unit of work: it makes and verifies signatures.
import type { Cross } from '../domain/root-cross.ts';
import type { Instant } from '../domain/time.ts';
import type { GivenFile } from './issuing-cas.ts';

/** A cross certificate with its bytes. */
export type MadeCross = Cross & { readonly der: Uint8Array };

/** How one is signed where the signer's key is. */
export interface CrossRequest {
  readonly root: number;
  readonly signer: number;
  /** DER of the TBSCertificate (RFC 5280, 4.1): these bytes are signed. */
  readonly body: Uint8Array;
  /** Of the signature, as `openssl dgst` names it. */
  readonly digest: 'sha256' | 'sha384';
}

export interface RootCrosses {
  /** How many CAs may follow below this root; null: any number. Fails with a NolapseError where it cannot be read. */
  pathLength(root: number): number | null;
  /** Signs one with the key of the older root, which has to be in the home. */
  make(cross: Cross): MadeCross;
  request(cross: Cross): CrossRequest;
  /**
   * Takes one that was made elsewhere, PEM or DER, or the signature over what was asked for, as `openssl dgst -sign` writes it or in base64.
   * @param asked null: nothing.
   * @param between the two roots that it may be of.
   * @returns every fault, each with its file, and then nothing is to be changed.
   */
  take(
    files: readonly GivenFile[],
    asked: CrossRequest | null,
    between: Pick<Cross, 'root' | 'signer'>,
    now: Instant,
  ): MadeCross | { readonly faults: readonly string[] };
}
