// Writes what comes of a message, within the change in which it was decided. Nothing is decided here.
import { dayOf } from '../../domain/delegation.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { type Change, keepMove } from '../change.ts';
import type { Context } from '../context.ts';
import { activateWithin } from '../renewal/activate.ts';
import { callOff } from '../renewal/call-off.ts';
import type { Way } from '../renewal/delivery-profile.ts';
import { dropUnused } from '../renewal/drop-unused.ts';
import type { OpenRenewalContext } from '../renewal/open-renewal.ts';
import { heardWithin, reopenWithin } from '../renewal/reopen.ts';
import { keepControl } from '../trust-records.ts';
import { keepKnown } from './known-after.ts';
import type { Keeping } from './outcome.ts';

/** Of whom it was said, or for whom it was asked, and on which way. */
interface About {
  readonly id: PrincipalId;
  readonly via: Way;
}

export type KeepContext = OpenRenewalContext & Pick<Context, 'settings'>;

export function applyKeeping(within: Change<KeepContext>, { id, via }: About, keeping: Keeping): Promise<unknown> {
  const { tx, now } = within;
  switch (keeping.kind) {
    case 'said':
      return keepKnown(tx, keeping.known);
    case 'move':
      return keepMove(within, keeping.move);
    case 'unused':
      return dropUnused(within, keeping.renewal);
    case 'call-off':
      return callOff(within, keeping.renewal, keeping.principal, keeping.detail);
    case 'reopening':
      return reopenWithin(within, keeping.reopening);
    case 'request':
      return tx.putRequest(keeping.renewal.id, keeping.request);
    case 'signed':
      return tx.noteSigned(keeping.renewalId);
    case 'envelope':
      return tx.putEnvelope(keeping.renewal.id, keeping.envelope);
    case 'delegation':
      return tx.useDelegation(keeping.id, dayOf(now));
    case 'upload': {
      const { total, bytes } = keeping.upload;
      if (via === null) return tx.putUpload(keeping.renewal.id, total, bytes);
      return tx.putCarriedUpload(keeping.renewal.id, { gatewayId: via, total, bytes });
    }
    case 'no-upload':
      return forgetUpload(within, via, keeping);
    case 'effect':
      return tx.enqueue(keeping.effect);
    case 'alert':
      return within.alert(keeping.condition);
    case 'step-answered':
      return keepStepAnswer(within, id, keeping);
    case 'control-answered':
      return keepControlAnswer(within, id, keeping);
    case 'use':
      return keeping.awakens
        ? activateWithin(within, keeping.fingerprint, via)
        : heardWithin(within, id, keeping.fingerprint);
  }
}

async function keepControlAnswer(
  within: Change,
  id: PrincipalId,
  { told, isPassed }: Extract<Keeping, { kind: 'control-answered' }>,
): Promise<void> {
  await within.tx.putTrustTold(told);
  if (isPassed) await keepControl(within, { id }, 'passed');
}

async function keepStepAnswer(
  { tx, record }: Change,
  principalId: PrincipalId,
  { step: { sequence, kind }, told, record: kept, failure }: Extract<Keeping, { kind: 'step-answered' }>,
): Promise<void> {
  await tx.putTrustTold(told);
  if (kept) await tx.putTrustRecord(kept);
  const what = `${principalId}: step ${sequence} (${kind})`;
  if (!failure) return record({ action: 'trust.stored', message: `${what} is stored`, principalId });
  const { code, detail } = failure;
  const message = `${what} failed: ${code}${detail === '' ? '' : `: ${JSON.stringify(detail)}`}`;
  return record({ action: 'trust.failed', message, principalId, reason: code, level: 'warn' });
}

function forgetUpload({ tx }: Change, via: Way, { renewalId, ways }: Extract<Keeping, { kind: 'no-upload' }>) {
  if (ways === 'all') return tx.dropUploads(renewalId);
  return via === null ? tx.dropUpload(renewalId) : tx.dropCarriedUpload(renewalId, via);
}
