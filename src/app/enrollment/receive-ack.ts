// A device says what became of its certificate: installed, or failed and why. Neither completes a renewal: only a
// connection with the new certificate does.
import type { AckMessage } from '../../domain/message.ts';
import { advance, isOpen, isOwn, type RenewalEvent } from '../../domain/renewal.ts';
import { renewalFailed } from '../../domain/watch.ts';
import { planReopening } from '../renewal/reopen.ts';
import { type Conversation, detailLengthMax, renewalClosed, unknownRenewal } from './conversation.ts';
import { answered, type Keeping, nothing, type Outcome, refused, refuseWith } from './outcome.ts';
import { takeStepAck } from './receive-step.ts';

/**
 * What comes of an acknowledgement.
 * @param isInUse has the device a session that was opened with what it says it cannot use?
 */
export async function takeAck(conversation: Conversation, ack: AckMessage, isInUse: boolean): Promise<Outcome> {
  const { app, now, sender, renewal, principal } = conversation;
  if (principal && !renewal) return takeStepAck(conversation, ack);
  if (!renewal || !principal) return refuseWith(unknownRenewal);
  if (ack.status === 'stored') return refused('wrong_state', 'a replacement is installed, not stored');
  const { via, session } = sender;
  if (renewal.state === 'activated' && ack.status === 'failed') {
    const speaksUnder = via === null && !session.introduced ? session.fingerprint : null;
    const reopening = await planReopening(conversation, renewal, principal, { ...saidOf(ack), speaksUnder, isInUse });
    return 'code' in reopening ? refuseWith(reopening) : answered(nothing, { kind: 'reopening', reopening });
  }
  // Nothing is taken back: what came late, or was replayed, is told to be so.
  if (!isOpen(renewal)) return refuseWith(renewalClosed);
  // The device has it on its own connection, and says there what became of it.
  if (via !== null && isOwn(renewal)) return answered(nothing);
  const moved = (event: RenewalEvent, detail: string, ...also: readonly Keeping[]): Outcome => {
    const transition = advance(renewal, event, app.policies.of(principal), now);
    if (transition.kind !== 'changed') return answered(nothing);
    const move = { before: renewal, after: transition.renewal, event, detail };
    return answered(nothing, { kind: 'move', move }, ...also);
  };
  if (ack.status === 'installed') {
    if (renewal.newFingerprint === null) return refused('wrong_state', 'nothing was issued yet');
    return moved({ type: 'installed' }, 'installed by the device');
  }
  const { code, detail } = saidOf(ack);
  const condition = renewalFailed(principal, code, detail);
  return moved({ type: 'failed', code, detail, via }, `failed: ${code}`, { kind: 'alert', condition });
}

function saidOf({ code = 'unspecified', detail = '' }: AckMessage): { readonly code: string; readonly detail: string } {
  return { code: code.slice(0, 64), detail: detail.slice(0, detailLengthMax) };
}
