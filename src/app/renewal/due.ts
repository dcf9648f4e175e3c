// When the replacement of a certificate in use is due: when its policy says, or so much earlier as its device comes rarely. The
// renewal is opened by whoever finds that its time has come.
import type { LedgerEntry } from '../../domain/certificate.ts';
import { type Dated, type Policy, renewalTime } from '../../domain/policy.ts';
import { dueByGaps, type GapRecord, gapsOf, neverCameBack } from '../../domain/presence.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { Change } from '../change.ts';
import { type Context, cohortIn } from '../context.ts';
import { isOfDrill } from './drill.ts';
import { heldBy } from './held.ts';
import { type OpenRenewalContext, openWithin } from './open-renewal.ts';

export type DueContext = OpenRenewalContext & Pick<Context, 'settings'>;

/** The same where its gaps are at hand. */
export function dueByKnown(
  app: Pick<Context, 'policies' | 'settings'>,
  entry: Dated,
  principal: Principal,
  gaps: GapRecord,
): Instant {
  return dueUnder(app, app.policies.of(principal), entry, principal, gaps);
}

/** The same under a policy that need not be the principal's. */
export function dueUnder(
  app: Pick<Context, 'settings'>,
  policy: Policy,
  entry: Dated,
  principal: Principal,
  gaps: GapRecord,
): Instant {
  const policyAt = renewalTime(entry, principal.id, cohortIn(app, principal), policy);
  return dueByGaps(entry, policyAt, gapsOf(gaps));
}

/** When the replacement of this certificate is due, by what is known of its device now. It may have passed. */
export async function dueAt(
  { app, tx }: Change<Pick<Context, 'policies' | 'settings'>>,
  entry: LedgerEntry,
  principal: Principal,
): Promise<Instant> {
  const presence = await tx.presence(principal.id);
  return dueByKnown(app, entry, principal, presence?.gaps ?? neverCameBack);
}

/**
 * Settles anew, within a change, when the certificates in use of a principal are due whose gaps have changed, and opens what is due:
 * its device is here, and may be gone before the next sweep. What has no due date is left without.
 */
export async function planWithin(within: Change<DueContext>, id: PrincipalId, gaps: GapRecord): Promise<void> {
  const { app, tx, now } = within;
  const principal = await tx.principal(id);
  if (!principal) return;
  for await (const entry of heldBy(tx, id)) {
    if (entry.state !== 'active' || entry.renewAt === null) continue;
    const renewAt = dueByKnown(app, entry, principal, gaps);
    if (renewAt <= now) await openWithin(within, entry);
    else if (renewAt !== entry.renewAt) await tx.putCertificate({ ...entry, renewAt });
  }
}

/**
 * Settles anew, within a change, when the certificates in use are due of a principal whose record has changed in what decides that.
 * It opens nothing: what is due by now the next sweep opens, in its order and at its pace.
 */
export async function replanWithin(
  within: Change<Pick<Context, 'policies' | 'settings'>>,
  before: Principal,
  after: Principal,
): Promise<void> {
  const isSame = (['class', 'criticality', 'cohort'] as const).every((name) => before[name] === after[name]);
  if (isSame) return;
  const { app, tx } = within;
  const gaps = (await tx.presence(after.id))?.gaps ?? neverCameBack;
  for await (const entry of heldBy(tx, after.id)) {
    if (entry.state !== 'active' || entry.renewAt === null) continue;
    const renewAt = dueByKnown(app, entry, after, gaps);
    if (renewAt !== entry.renewAt) await tx.putCertificate({ ...entry, renewAt });
  }
}

/** Gives the certificates in use of a principal a due date again, within a change, that passed while nothing might be renewed for it. */
export async function resumeWithin(
  within: Change<Pick<Context, 'policies' | 'settings'>>,
  principal: Principal,
): Promise<void> {
  const { tx, now } = within;
  for await (const entry of heldBy(tx, principal.id)) {
    if (entry.state !== 'active' || entry.renewAt !== null || (await isOfDrill(tx, entry))) continue;
    if (await tx.openRenewalFor(entry.fingerprint)) continue;
    await tx.putCertificate({ ...entry, renewAt: Math.max(now, await dueAt(within, entry, principal)) });
  }
}
