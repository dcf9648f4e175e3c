// What comes of a message, as data: what is to be kept in the ledger, in this order, and what is answered once that is committed.
// Handlers decide it from what they read; keep-outcome.ts alone writes it.
import type { Condition } from '../../domain/alert.ts';
import type { Fingerprint } from '../../domain/certificate.ts';
import type { Effect } from '../../domain/effect.ts';
import type { EnrollmentCode, Refusal } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Move, Renewal } from '../../domain/renewal.ts';
import type { ApprovedRequest } from '../../domain/request.ts';
import type { TrustRecord } from '../../domain/trust-record.ts';
import type { KeptStep, TrustTold } from '../../domain/trust-told.ts';
import type { Upload } from '../../domain/upload.ts';
import type { DeliveryProfile } from '../renewal/delivery-profile.ts';
import type { Reopening } from '../renewal/reopen.ts';
import type { Known } from './known-after.ts';

export type Keeping =
  /** The principal was heard, and this was said of it. */
  | { readonly kind: 'said'; readonly known: Known }
  | { readonly kind: 'move'; readonly move: Move }
  /** A replacement that was issued and never used gives way to another. */
  | { readonly kind: 'unused'; readonly renewal: Renewal }
  | { readonly kind: 'call-off'; readonly renewal: Renewal; readonly principal: Principal; readonly detail: string }
  | { readonly kind: 'reopening'; readonly reopening: Reopening }
  /** An accepted request. */
  | { readonly kind: 'request'; readonly renewal: Renewal; readonly request: ApprovedRequest }
  /** It is signed by the key in use, too. */
  | { readonly kind: 'signed'; readonly renewalId: string }
  | { readonly kind: 'envelope'; readonly renewal: Renewal; readonly envelope: Uint8Array }
  /** A renewal was begun under this delegation. */
  | { readonly kind: 'delegation'; readonly id: string }
  /** What has arrived of a request on the way of the message. */
  | { readonly kind: 'upload'; readonly renewal: Renewal; readonly upload: Upload }
  /** It was judged, and the next begins at 0: what arrived on every way is forgotten, or what did on the way of the message. */
  | { readonly kind: 'no-upload'; readonly renewalId: string; readonly ways: 'all' | 'own' }
  | { readonly kind: 'effect'; readonly effect: Effect }
  | { readonly kind: 'alert'; readonly condition: Condition }
  /** It was said of a step that it is kept, or why not. `record`: null where that says nothing of a root. */
  | {
      readonly kind: 'step-answered';
      readonly step: KeptStep;
      readonly told: TrustTold;
      readonly record: TrustRecord | null;
      readonly failure: { readonly code: string; readonly detail: string } | null;
    }
  /** It was said of a control's port whether it can be trusted. */
  | { readonly kind: 'control-answered'; readonly told: TrustTold; readonly isPassed: boolean }
  /** The device has proven that it uses this certificate: it is activated, or was before. */
  | { readonly kind: 'use'; readonly fingerprint: Fingerprint; readonly awakens: boolean };

export type Reply =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refusal'; readonly refusal: Refusal }
  /** A hello: whatever is owed, or how long to wait. */
  | { readonly kind: 'owed'; readonly delivery: DeliveryProfile }
  /** The replacement once more. */
  | { readonly kind: 'replacement'; readonly renewal: Renewal }
  /** The request is kept; where the authority is down, that it waits. */
  | { readonly kind: 'requested'; readonly renewal: Renewal }
  /** A request in parts has come together: it is to be judged. */
  | { readonly kind: 'whole'; readonly der: Uint8Array };

export interface Outcome {
  readonly keep: readonly Keeping[];
  readonly reply: Reply;
}

/** Refused: of what is kept, only what is named. */
export function refuseWith(refusal: Refusal, keep: readonly Keeping[] = []): Outcome {
  return { keep, reply: { kind: 'refusal', refusal } };
}

export function refused(code: EnrollmentCode, detail: string): Outcome {
  return refuseWith({ code, detail });
}

export function answered(reply: Reply, ...keep: readonly Keeping[]): Outcome {
  return { keep, reply };
}

export const nothing: Reply = { kind: 'nothing' };
