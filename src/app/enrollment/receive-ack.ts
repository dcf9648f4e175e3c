// A device says what became of its certificate: installed, or failed and why. Neither completes a renewal: only a
// connection with the new certificate does.

import type { Refusal } from '../../domain/errors.ts';
import type { AckMessage } from '../../domain/message.ts';
import { isOpen, isOwn } from '../../domain/renewal.ts';
import { renewalFailed } from '../../domain/watch.ts';
import { type Change, change, step } from '../change.ts';
import type { Context } from '../context.ts';
import { type ReopenContext, reopenWithin } from '../renewal/reopen.ts';
import { detailLengthMax, type Sender } from './receive.ts';

type ReceiveAckContext = ReopenContext & Pick<Context, 'sessions'>;

/** Takes an acknowledgement. */
export async function receiveAck(app: ReceiveAckContext, sender: Sender, ack: AckMessage): Promise<Refusal | null> {
  const isInUse = ack.status === 'failed' && (await isReplacementInUse(app, sender, ack));
  return change(app, (within) => take(within, sender, ack, isInUse), sender.via);
}

/** Has the device a session that was opened with what it says it cannot use? */
async function isReplacementInUse(
  app: Pick<Context, 'store' | 'sessions'>,
  { id }: Sender,
  ack: AckMessage,
): Promise<boolean> {
  const renewal = await app.store.read.renewal(ack.renewal);
  const replacement = renewal?.principalId === id ? renewal.newFingerprint : null;
  return replacement !== null && app.sessions.isConnected(id, replacement);
}

async function take(
  within: Change<ReopenContext>,
  sender: Sender,
  ack: AckMessage,
  isInUse: boolean,
): Promise<Refusal | null> {
  const renewal = await within.tx.renewal(ack.renewal);
  const principal = await within.tx.principal(sender.id);
  if (renewal?.principalId !== sender.id || !principal) {
    return { code: 'unknown_renewal', detail: 'no renewal of yours has this id' };
  }
  if (renewal.state === 'activated' && ack.status === 'failed') {
    const { via, session } = sender;
    const speaksUnder = via === null && !session.introduced ? session.fingerprint : null;
    return reopenWithin(within, renewal, principal, { ...saidOf(ack), speaksUnder, isInUse });
  }
  // Nothing is taken back: what came late, or was replayed, is told to be so.
  if (!isOpen(renewal)) return { code: 'renewal_closed', detail: 'this renewal has ended' };
  // The device has it on its own connection, and says there what became of it.
  if (sender.via !== null && isOwn(renewal)) return null;
  if (ack.status === 'installed') {
    if (renewal.newFingerprint === null) return { code: 'wrong_state', detail: 'nothing was issued yet' };
    await step(within, renewal, { type: 'installed' }, principal, 'installed by the device');
    return null;
  }
  const { code, detail } = saidOf(ack);
  const failed = { type: 'failed', code, detail, via: sender.via } as const;
  const transition = await step(within, renewal, failed, principal, `failed: ${code}`);
  if (transition.kind === 'changed') {
    await within.alert(renewalFailed(principal, code, detail));
  }
  return null;
}

function saidOf({ code = 'unspecified', detail = '' }: AckMessage): { readonly code: string; readonly detail: string } {
  return { code: code.slice(0, 64), detail: detail.slice(0, detailLengthMax) };
}
