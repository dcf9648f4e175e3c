// The enrollment messages as values, whatever encoding carries them. Times are Unix seconds, durations seconds.
import type { EnrollmentCode } from './errors.ts';
import type { KeyMode } from './policy.ts';

export interface HelloMessage {
  readonly fingerprint?: string;
  readonly maxPacket?: number;
  readonly slots?: number;
  readonly clock?: number;
}
export interface CsrMessage {
  readonly renewal: string;
  /** DER of the PKCS#10 request. */
  readonly csr: Uint8Array;
}
export interface AckMessage {
  readonly renewal: string;
  readonly status: 'installed' | 'failed';
  readonly code?: string;
  readonly detail?: string;
}

/** A message from a device, tagged with the word of its topic. */
export type UpMessage =
  | ({ readonly word: 'hello' } & HelloMessage)
  | ({ readonly word: 'csr' } & CsrMessage)
  | ({ readonly word: 'ack' } & AckMessage);

/** A message to a device, tagged with the word of its topic. */
export type DownMessage =
  | {
      readonly word: 'offer';
      readonly renewal: string;
      readonly mode: KeyMode;
      readonly deadline: number;
      readonly now: number;
      readonly size?: number;
      /** SHA-256 of the replacement's DER (32 bytes). */
      readonly sha256?: Uint8Array;
    }
  /** DER certificates, leaf first, then its chain without the root. */
  | { readonly word: 'cert'; readonly renewal: string; readonly certificates: readonly Uint8Array[] }
  | { readonly word: 'done'; readonly renewal: string; readonly retires: number }
  | {
      readonly word: 'error';
      readonly renewal?: string;
      readonly code: EnrollmentCode;
      readonly detail: string;
      readonly retryAfter?: number;
    };
