// The codes a device can be answered with, and the one error type for what should not happen.

/** Every code of the `error` message. docs/protocol.md lists the same, and a test holds the two together. */
export const enrollmentCodes = {
  malformed_message: 'the payload is neither JSON nor CBOR of the expected shape',
  missing_field: 'a required field is absent or of the wrong type',
  unknown_word: 'the last level of the topic is not a word of this protocol',
  not_authorized: 'the topic belongs to another principal, or to nobody',
  unknown_renewal: 'no renewal of this principal has this id',
  renewal_closed: 'the renewal has ended: activated, retired, cancelled or lapsed',
  wrong_state: 'the message does not fit the state the renewal is in',
  unsupported_mode: 'the renewal is not in the key mode this message belongs to',
  part_out_of_range: 'offset or length lies outside of what there is',
  part_mismatch: 'the part differs from one sent before at the same offset',
  part_missing: 'an earlier part has not arrived; detail says where to go on',
  message_too_large: 'a message was larger than the gateway takes: it was acknowledged and dropped',
  packet_too_small: 'no message of this protocol fits into the largest packet announced',
  malformed_csr: 'the CSR is not one DER-encoded PKCS#10 request',
  csr_too_large: 'the CSR is larger than the gateway reads',
  bad_signature: 'the CSR does not verify under its own key',
  algorithm_refused: 'the CSR is signed with an algorithm that is not taken',
  subject_mismatch: 'the CSR names something else than the principal',
  extension_refused: 'the CSR asks to be a CA',
  key_refused: 'the key type or size is not allowed by the profile',
  key_reused: 'the key is already certified; this mode asks for a new one',
  key_in_use: 'the key belongs to another principal',
  not_delegated: 'the gateway may not act for this device',
  delegation_ended: 'the delegation to act for this device has ended',
  delegation_exhausted: 'the delegation has used up its renewals of today',
  mode_not_granted: 'the delegation does not cover the key mode of this renewal',
  proof_required: "the device's proof by its current key is missing",
  proof_invalid: "the device's proof does not verify",
  too_many_requests: 'more requests than the policy allows in one renewal',
  nothing_due: 'nothing is owed now: an answer to `hello`, not a failure',
  unavailable: 'the gateway cannot do this now; try again after retryAfter',
} as const;
export type EnrollmentCode = keyof typeof enrollmentCodes;

/** An expected refusal of something a device sent. */
export interface Refusal {
  readonly code: EnrollmentCode;
  readonly detail: string;
  /** Seconds after which the same message may succeed; absent when it never will. */
  readonly retryAfterSeconds?: number;
  /** What was asked for is under way, and only to be waited for: nothing was refused. */
  readonly isUnderWay?: true;
}

/** What should not happen: a broken invariant, a back end that is down. Only the edges translate it. */
export class NolapseError extends Error {
  readonly code: string;
  constructor(code: string, detail: string, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause });
    this.name = 'NolapseError';
    this.code = code;
  }
}
