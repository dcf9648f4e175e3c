// Tells which rule gave a principal each value of its policy, and what follows from them for the certificates it has in use. It changes
// nothing, and reckons as those do who act on it.
import type { LedgerEntry } from '../../domain/certificate.ts';
import { expiryAlerts, overdueAt } from '../../domain/deadlines.ts';
import { weighKeyModes } from '../../domain/key-mode.ts';
import { graceMs, type Policy, renewAtOf, renewalTime, spreadMs } from '../../domain/policy.ts';
import { dueFor, type GapRecord, gapsOf } from '../../domain/presence.ts';
import { criticalities, type Principal, type PrincipalId } from '../../domain/principal.ts';
import { spanMs } from '../../domain/time.ts';
import { type Context, cohortIn } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { heldBy } from '../renewal/held.ts';
import { awaitedFrom } from '../renewal/hold.ts';
import { keyHistoryOf } from '../renewal/key-history.ts';
import type { PlannedCertificate, PolicyRow, PolicyView } from '../views/policies.ts';

type ExplainPolicyContext = Pick<Context, 'store' | 'authority' | 'profiles' | 'clock' | 'policies' | 'settings'>;

export function listPolicies({ policies }: Pick<Context, 'policies'>): PolicyRow[] {
  return [...policies.set].flatMap(([name, of]) =>
    criticalities.map((criticality) => ({ class: name, criticality, values: of[criticality].origins })),
  );
}

/** Rejects with `not_found`. */
export async function explainPolicy(app: ExplainPolicyContext, id: PrincipalId): Promise<PolicyView> {
  const { read } = app.store;
  const principal = await read.principal(id);
  if (!principal) throw new OperationError('not_found', [`${id} is not in the inventory`]);
  const gaps = (await read.presence(id))?.gaps ?? new Uint8Array();
  const certificates: PlannedCertificate[] = [];
  for await (const entry of heldBy(read, id)) {
    if (entry.state === 'active') certificates.push(await planOf(app, principal, entry, gaps));
  }
  return {
    id,
    class: principal.class,
    criticality: principal.criticality,
    status: principal.status,
    classIsConfigured: app.policies.set.has(principal.class),
    cohort: cohortIn(app, principal),
    values: app.policies.settled(principal).origins,
    certificates,
  };
}

async function planOf(
  app: ExplainPolicyContext,
  principal: Principal,
  entry: LedgerEntry,
  gaps: GapRecord,
): Promise<PlannedCertificate> {
  const { read } = app.store;
  const policy = app.policies.of(principal);
  const { serial, notBefore, notAfter, renewAt: dueAt } = entry;
  const renewal = await read.openRenewalFor(entry.fingerprint);
  const history = await keyHistoryOf(app, read, principal, entry);
  const keyModes = weighKeyModes(policy, principal, history, Math.max(app.clock.now(), dueAt ?? 0));
  const began = dueAt ?? renewal?.createdAt ?? null;
  const awaited = renewal ? await awaitedFrom(app, read, renewal, principal, gaps) : began;
  return {
    serial,
    notBefore,
    notAfter,
    renewal: renewal?.id ?? null,
    dueAt,
    reckoned: reckon(app, principal, entry, policy, gaps),
    keyMode: renewal?.mode ?? keyModes.find(({ objection }) => objection === null)?.mode ?? null,
    keyModes,
    overlapMs: spanMs(policy.overlap, policy.lifetimeMs),
    graceUntil: notAfter + graceMs(policy),
    ...expiryAlerts(entry, began, policy),
    overdueAt: awaited === null ? null : overdueAt(awaited, gapsOf(gaps), policy, entry),
  };
}

function reckon(
  app: Pick<Context, 'settings'>,
  principal: Principal,
  entry: LedgerEntry,
  policy: Policy,
  gaps: GapRecord,
) {
  const cohort = cohortIn(app, principal);
  const policyAt = renewalTime(entry, principal.id, cohort, policy);
  return {
    renewAt: renewAtOf(entry, policy),
    spreadMs: spreadMs(entry, principal.id, cohort, policy),
    ...dueFor(entry, policyAt, gapsOf(gaps)),
  };
}
