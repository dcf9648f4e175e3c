// What a device's `ack` of a step means to the broker. It proves nothing: only a CONNECT on the next root's port does.
import type { Refusal } from './errors.ts';
import type { AckMessage, TrustMessage } from './message.ts';
import { stepRenewalId } from './trust-step.ts';
import type { StepRefusal } from './trust-store.ts';

/** What a principal was last told of a step. */
export interface Announcement {
  readonly sequence: number;
  /** Bytes of the step. */
  readonly size: number;
  /** The next root's port; of a control, one whose chain nobody can trust. */
  readonly port: number;
  /** Does it find out whether the device verifies the broker at all? */
  readonly isControl: boolean;
}

/** The announcement as a message. Nothing in it tells a control from another. */
export function trustMessage({ sequence, size, port }: Announcement): TrustMessage {
  return { renewal: stepRenewalId(sequence), size, port };
}

export type TrustAck =
  /** The device keeps the step: of a successor, it holds the next root. */
  | { readonly kind: 'stored' }
  /** The device refused a chain that nobody can trust. */
  | { readonly kind: 'control_passed' }
  /** It could not try the port of a control, which says nothing. */
  | { readonly kind: 'control_unreached' }
  /** It keeps the step and cannot connect to the port. `code`: what it says of that. */
  | { readonly kind: 'port_failed'; readonly code: string; readonly detail: string }
  /** It does not keep the step. */
  | { readonly kind: 'step_failed'; readonly code: string; readonly detail: string }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

const portCodes: readonly string[] = ['port_untrusted', 'port_unreachable'] satisfies StepRefusal[];
const untrusted: StepRefusal = 'port_untrusted';

/** Codes are the device's words: any of 64 characters may come, and one that is not known says that the step failed. */
export function readTrustAck(
  announced: Announcement | null,
  { status, code = 'unspecified', detail = '' }: AckMessage,
): TrustAck {
  const refuse = (refusal: Refusal): TrustAck => ({ kind: 'refused', refusal });
  if (!announced) return refuse({ code: 'unknown_renewal', detail: 'no step with this id was announced' });
  switch (status) {
    case 'installed':
      return refuse({ code: 'wrong_state', detail: 'a step is stored, not installed' });
    case 'stored':
      return { kind: 'stored' };
    case 'failed':
      if (announced.isControl && code === untrusted) return { kind: 'control_passed' };
      if (announced.isControl && portCodes.includes(code)) return { kind: 'control_unreached' };
      return { kind: portCodes.includes(code) ? 'port_failed' : 'step_failed', code, detail };
  }
}
