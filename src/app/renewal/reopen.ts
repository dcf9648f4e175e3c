// A device reports that it cannot use a replacement which the gateway has seen, on a connection with the certificate it replaced: it is
// given one more renewal of that one. Nothing is undone, and neither certificate's end moves.
import type { Fingerprint, LedgerEntry } from '../../domain/certificate.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { isHeard, objectToReopening } from '../../domain/reopening.ts';
import { needsNewKey } from '../../domain/rollout.ts';
import { renewalFailed } from '../../domain/watch.ts';
import type { Change } from '../change.ts';
import { callOff } from './call-off.ts';
import { campaignOf } from './campaign-of.ts';
import { owePrompt } from './last-chance.ts';
import { openAgain } from './open-renewal.ts';

/** What the device calls the failure, and says about it. */
interface Report {
  readonly code: string;
  readonly detail: string;
  /** As {@link ReopeningFacts.speaksUnder} has it. */
  readonly speaksUnder: Fingerprint | null;
}

/** Opens the other renewal, once; reported again while that is open, it is offered again. Null: it is taken. */
export async function reopenWithin(
  within: Change,
  renewal: Renewal,
  principal: Principal,
  { code, detail, speaksUnder }: Report,
): Promise<Refusal | null> {
  const { app, tx, now, record, alert } = within;
  const old = renewal.oldFingerprint && (await tx.certificate(renewal.oldFingerprint));
  const replacement = renewal.newFingerprint && (await tx.certificate(renewal.newFingerprint));
  const objection = objectToReopening({
    renewal,
    status: principal.status,
    speaksUnder,
    old: old || null,
    replacement: replacement || null,
    isInUse: renewal.newFingerprint !== null && app.sessions.isConnected(principal.id, renewal.newFingerprint),
    isCompromised: await isCompromised(within, renewal, principal, [old, replacement]),
    now,
  });
  if (objection !== null || !old) return closed(objection ?? 'this renewal has ended');
  const open = await tx.openRenewalFor(old.fingerprint);
  if (open) {
    await owePrompt(tx, open);
    return null;
  }
  if (renewal.reopenedAt !== null) return closed('it was given another renewal before');
  await tx.putRenewal({ ...renewal, reopenedAt: now, updatedAt: now });
  const other = await openAgain(within, principal, old);
  await record({
    action: 'renewal.reopened',
    message: `${principal.id}: it cannot use what renewal ${renewal.id} brought (${code}): renewal ${other.id} follows`,
    principalId: principal.id,
    renewalId: renewal.id,
  });
  await alert(
    renewalFailed(principal, code, detail || 'a replacement that was seen is not usable; another is offered'),
  );
  return null;
}

function closed(detail: string): Refusal {
  return { code: 'renewal_closed', detail };
}

/** Campaigns that are asked, the newest; more than a fleet has in the years that an overlap may last. */
const campaignsMax = 256;

/**
 * Is either key not to be trusted: by a revocation of any certificate over it, by the campaign that brought this renewal, or by one that
 * means keys as old as it, whether it has come to this device or not?
 */
async function isCompromised(
  { tx }: Change,
  renewal: Renewal,
  principal: Principal,
  entries: readonly (LedgerEntry | null | '')[],
): Promise<boolean> {
  const campaigns = (await tx.campaigns(campaignsMax)).filter(
    (each) => needsNewKey(each) && matches(each.class, principal.class) && matches(each.site, principal.site),
  );
  const brought = await campaignOf(tx, renewal);
  if (brought && needsNewKey(brought)) return true;
  for (const entry of entries) {
    if (!entry) continue;
    const over = await tx.certificatesByKey(entry.keyFingerprint);
    if (over.some(({ revocationReason }) => revocationReason === 'keyCompromise')) return true;
    const since = Math.min(...over.map(({ issuedAt }) => issuedAt));
    if (campaigns.some(({ issuedBefore }) => since < issuedBefore)) return true;
  }
  return false;
}

function matches(wanted: string | null, is: string | null): boolean {
  return wanted === null || wanted === is;
}

/**
 * The device was heard under this certificate: what is to be made instead of it is called off. Within a change, and twice is once.
 */
export async function heardWithin(within: Change, id: PrincipalId, fingerprint: Fingerprint): Promise<void> {
  const { tx, now } = within;
  const unended = await tx.unendedRenewals(id);
  const own = unended.find(({ state, newFingerprint }) => state === 'activated' && newFingerprint === fingerprint);
  if (!own || isHeard(own)) return;
  await tx.putRenewal({ ...own, heardAt: now });
  if (own.reopenedAt === null || own.oldFingerprint === null) return;
  const principal = await tx.principal(id);
  const other = await tx.openRenewalFor(own.oldFingerprint);
  if (principal && other) await callOff(within, other, principal, 'the replacement that was seen is in use after all');
}
