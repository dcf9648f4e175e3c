// The small integers that stand for field names, key modes and statuses in CBOR. A number once given never changes its
// meaning; docs/protocol.md lists the same, and a test holds the two together.

import type { AckMessage } from '../domain/message.ts';
import type { KeyMode } from '../domain/principal.ts';

/** Map keys, one number space for all messages. 0 to 23 take one byte; 0 is left free: the next take two. */
export const fields = {
  renewal: 1,
  mode: 2,
  deadline: 3,
  now: 4,
  size: 5,
  sha256: 6,
  csr: 7,
  certificate: 8,
  status: 9,
  code: 10,
  detail: 11,
  retires: 12,
  retryAfter: 13,
  fingerprint: 14,
  maxPacket: 15,
  slots: 16,
  clock: 17,
  offset: 18,
  total: 19,
  bytes: 20,
  length: 21,
  proof: 22,
  port: 23,
} as const;

/** Values of `mode`. */
export const modeNumbers = { csr: 0, recertify: 1, keygen: 2 } as const satisfies Record<KeyMode, number>;

/** Values of `status`. */
export const statusNumbers = { installed: 0, failed: 1, stored: 2 } as const satisfies Record<
  AckMessage['status'],
  number
>;
