// What is told of a cross certificate between two roots.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { Cross } from '../../domain/root-cross.ts';
import type { Instant } from '../../domain/time.ts';

export interface CrossView extends Cross {
  /** When it is dropped by itself. */
  readonly droppedAt: Instant;
  readonly fingerprint: Fingerprint;
}

export interface CrossRequestView extends Cross {
  /** Of the signature, as `openssl dgst` names it. */
  readonly digest: 'sha256' | 'sha384';
  /** The bytes to be signed: the DER of a TBSCertificate. */
  readonly base64: string;
}
