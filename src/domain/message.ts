// The enrollment messages as values, whatever encoding carries them. Times are Unix seconds, durations seconds.

import type { EnrollmentCode } from './errors.ts';
import type { KeyMode } from './principal.ts';

export interface HelloMessage {
  readonly fingerprint?: string;
  readonly maxPacket?: number;
  readonly slots?: number;
  readonly clock?: number;
  /** Signature by the key of `fingerprint`, for devices that speak through a gateway. */
  readonly proof?: Uint8Array;
}
export interface CsrMessage {
  readonly renewal: string;
  /** DER of the PKCS#10 request; absent when it comes in parts. */
  readonly csr?: Uint8Array;
  /** Where in the request's DER `bytes` belongs; present together with `total` and `bytes`, when `csr` is not. */
  readonly offset?: number;
  readonly total?: number;
  readonly bytes?: Uint8Array;
  /** Signature by the device's current key over renewal and request, where the policy asks for it. */
  readonly proof?: Uint8Array;
}
export interface GetMessage {
  readonly renewal: string;
  readonly offset: number;
  readonly length: number;
}
export interface AckMessage {
  readonly renewal: string;
  /** `stored` of a step alone, `installed` of a replacement alone. */
  readonly status: 'installed' | 'failed' | 'stored';
  readonly code?: string;
  readonly detail?: string;
}

/** A step of a root waits to be fetched, and a port to be tried. */
export interface TrustMessage {
  /** The step's id: `t` and its sequence. */
  readonly renewal: string;
  /** Bytes of the step. */
  readonly size: number;
  /** Where the broker's chain leads to the next root. */
  readonly port: number;
}

/** A message from a device, tagged with the word of its topic. */
export type UpMessage =
  | ({ readonly word: 'hello' } & HelloMessage)
  | ({ readonly word: 'csr' } & CsrMessage)
  | ({ readonly word: 'get' } & GetMessage)
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
      /** SHA-256 of the replacement (32 bytes). */
      readonly sha256?: Uint8Array;
    }
  /** DER certificates, leaf first, then its chain without the root. */
  | { readonly word: 'cert'; readonly renewal: string; readonly certificates: readonly Uint8Array[] }
  | {
      readonly word: 'part';
      readonly renewal: string;
      readonly offset: number;
      readonly total: number;
      readonly bytes: Uint8Array;
    }
  | { readonly word: 'done'; readonly renewal: string; readonly retires: number }
  | ({ readonly word: 'trust' } & TrustMessage)
  | {
      readonly word: 'error';
      readonly renewal?: string;
      readonly code: EnrollmentCode;
      /** Left out when there is no room for it. */
      readonly detail?: string;
      readonly retryAfter?: number;
    };
