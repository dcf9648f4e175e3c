// Opens a renewal: because a certificate is due, because its device came back through the lane, because an operator says
// so, or for a stranger's first enrollment. One certificate has one open renewal at most.
import type { Fingerprint, LedgerEntry } from '../../domain/certificate.ts';
import { ableModes, chooseKeyMode, dependsOnKey } from '../../domain/key-mode.ts';
import { graceMs } from '../../domain/policy.ts';
import type { Cohort, KeyMode, Principal, PrincipalId } from '../../domain/principal.ts';
import { isOpen, type Renewal } from '../../domain/renewal.ts';
import type { Instant } from '../../domain/time.ts';
import { formatDuration } from '../../domain/time.ts';
import { renewalFailed } from '../../domain/watch.ts';
import type { StoredCampaign } from '../../ports/campaigns.ts';
import { type Change, type Changing, change, step } from '../change.ts';
import type { Context } from '../context.ts';
import { shortId } from '../short-id.ts';
import { isDrill } from './drill.ts';
import { keyHistoryOf } from './key-history.ts';
import { owePrompt } from './last-chance.ts';

export type OpenRenewalContext = Changing & Pick<Context, 'authority' | 'profiles' | 'entropy' | 'policies'>;

function newRenewal(
  change: Change<Pick<Context, 'entropy' | 'policies'>>,
  principal: Principal,
  old: LedgerEntry | null,
  endsAt: Instant,
  mode: KeyMode,
): Renewal {
  const { app, now } = change;
  const policy = app.policies.of(principal);
  const lapsed = old !== null && endsAt <= now;
  const closesAt = old ? endsAt + graceMs(policy) : endsAt;
  return {
    id: shortId(app.entropy),
    principalId: principal.id,
    state: 'due',
    mode,
    via: null,
    campaign: null,
    cohort: null,
    releasedAt: null,
    oldFingerprint: old?.fingerprint ?? null,
    newFingerprint: null,
    createdAt: now,
    deadline: endsAt,
    closesAt,
    nextAt: lapsed ? closesAt : endsAt,
    attempts: 0,
    requests: 0,
    carriedRequests: 0,
    requestKey: null,
    lapsedAt: lapsed ? endsAt : null,
    activatedAt: null,
    confirmedAt: null,
    heardAt: null,
    reopenedAt: null,
    failedVia: null,
    lastCode: null,
    lastDetail: null,
    updatedAt: now,
  };
}

/** The key mode that policy, device and its present key agree on; where they do not, the policy's first, and somebody is told. */
async function modeFor(
  change: Change<Pick<Context, 'authority' | 'profiles' | 'policies'>>,
  principal: Principal,
  old: LedgerEntry | null,
): Promise<KeyMode> {
  const { app, tx, now } = change;
  const policy = app.policies.of(principal);
  const history = old && dependsOnKey(policy, principal) ? await keyHistoryOf(app, tx, principal, old) : null;
  const mode = chooseKeyMode(policy, principal, history, now);
  if (mode !== null) return mode;
  const can = ableModes(principal).join(', ');
  const detail = `no key mode fits: the policy allows ${policy.keyModes.join(', ')}, the device can do ${can}`;
  await change.alert(renewalFailed(principal, null, detail));
  return policy.keyModes[0] ?? 'csr';
}

async function open(
  change: Change<OpenRenewalContext>,
  principal: Principal,
  old: LedgerEntry | null,
  endsAt: Instant,
): Promise<Renewal> {
  const mode = await modeFor(change, principal, old);
  return begin(change, newRenewal(change, principal, old, endsAt, mode), old, null);
}

/** The cohort in which a campaign counts this principal's renewals; null: it may not come, and is not waited for. */
export function cohortCounted(campaign: Pick<StoredCampaign, 'cohort'>, { status }: Principal): Cohort | null {
  return status === 'active' ? campaign.cohort : null;
}

/** Opens the renewal of a certificate in use within a change, because of a campaign and in this key mode. Nothing else is open for it. */
export function openUnder(
  change: Change<Pick<Context, 'entropy' | 'policies'>>,
  campaign: StoredCampaign,
  principal: Principal,
  old: LedgerEntry,
  mode: KeyMode,
): Promise<Renewal> {
  const renewal = newRenewal(change, principal, old, old.notAfter, mode);
  return begin(
    change,
    { ...renewal, campaign: campaign.id, cohort: cohortCounted(campaign, principal) },
    old,
    campaign,
  );
}

/** Opens one more renewal, within a change, of a certificate that is superseded already: it lasts as long as the overlap. */
export async function openAgain(
  change: Change<OpenRenewalContext>,
  principal: Principal,
  old: LedgerEntry,
): Promise<Renewal> {
  const endsAt = Math.min(old.notAfter, old.overlapUntil ?? old.notAfter);
  const renewal = newRenewal(change, principal, old, endsAt, await modeFor(change, principal, old));
  return begin(change, { ...renewal, closesAt: endsAt }, old, null);
}

async function begin(
  change: Change,
  renewal: Renewal,
  old: LedgerEntry | null,
  campaign: StoredCampaign | null,
): Promise<Renewal> {
  const { tx, now, record } = change;
  const { principalId, deadline: endsAt } = renewal;
  await tx.putRenewal(renewal);
  // In a drill it keeps its own.
  if (old?.renewAt != null && campaign?.drill !== true) await tx.putCertificate({ ...old, renewAt: null });
  await owePrompt(tx, renewal);
  const left = endsAt > now ? `certificate ends in ${formatDuration(endsAt - now)}` : 'certificate has ended';
  const because = campaign ? ` in campaign ${campaign.id}` : '';
  await record({
    action: 'renewal.due',
    message: old ? `${principalId}: replacement due${because}, ${left}` : `${principalId}: first enrollment`,
    principalId,
    renewalId: renewal.id,
  });
  return renewal;
}

/**
 * Opens the renewal of this ledger entry within a change, unless one is open already, the principal is not active, or the
 * entry can no longer be replaced. @returns the open renewal, or null when there is to be none.
 */
export async function openWithin(change: Change<OpenRenewalContext>, entry: LedgerEntry): Promise<Renewal | null> {
  const { tx } = change;
  const existing = await tx.openRenewalFor(entry.fingerprint);
  const principal = await tx.principal(entry.principalId);
  if (existing && !(principal && (await isDrill(tx, existing)))) return existing;
  if (existing && principal) {
    const detail = "the drill is over: the certificate's own time has come";
    await step(change, existing, { type: 'cancelled', detail }, principal, `cancelled: ${detail}`);
  }
  if (principal?.status !== 'active' || !['active', 'expired'].includes(entry.state)) {
    if (entry.renewAt !== null) await tx.putCertificate({ ...entry, renewAt: null });
    return null;
  }
  return open(change, principal, entry, entry.notAfter);
}

/** Opens the renewal of a certificate if none is open. */
export function openRenewal(app: OpenRenewalContext, fingerprint: Fingerprint): Promise<Renewal | null> {
  return change(app, async (within) => {
    const entry = await within.tx.certificate(fingerprint);
    return entry ? openWithin(within, entry) : null;
  });
}

/**
 * Opens a first enrollment for a principal that a bootstrap anchor introduced until `endsAt`, if nothing is open. Null once a
 * certificate of it was in use: an anchor introduces no more.
 */
export function openEnrollment(app: OpenRenewalContext, id: PrincipalId, endsAt: Instant): Promise<Renewal | null> {
  return change(app, async (within) => {
    const principal = await within.tx.principal(id);
    const current = await within.tx.currentRenewal(id);
    if (!principal || (await within.tx.wasSeen(id))) return null;
    return current && isOpen(current) ? current : open(within, principal, null, endsAt);
  });
}
