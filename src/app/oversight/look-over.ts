// Looks the whole fleet over for what somebody should see to, a page of the inventory at a time, and keeps what it finds as long as
// it is so. It decides nothing about devices and changes none.
import { type CertificateInUse, findingsOf, surveyedKinds } from '../../domain/finding.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { SurveyedCertificate } from '../../ports/ledger.ts';
import type { StoredFinding } from '../../ports/oversight.ts';
import type { Reader, Transaction } from '../../ports/store.ts';
import { settleKnocks } from '../admission/knocks.ts';
import { settleControls } from '../admission/note-root.ts';
import type { Changing } from '../change.ts';
import type { Context } from '../context.ts';
import { afterId, pagesOf } from '../pages.ts';
import type { WithRates } from '../renewal/token-bucket.ts';
import type { WithTurns } from '../turns.ts';
import type { WithWhereabouts } from '../whereabouts.ts';
import { alertDelegations, DailyNeeds } from './alert-delegations.ts';
import { alertRates, FleetNeeds } from './alert-rates.ts';
import { comingsOf } from './comings.ts';
import { type ExamineCertificateContext, examineCertificate } from './examine-certificate.ts';

export type LookOverContext = ExamineCertificateContext &
  Changing &
  Pick<Context, 'settings'> &
  WithTurns &
  WithWhereabouts &
  WithRates;

/** Principals looked at before others have a turn. */
const pageRows = 250;

/** Findings of one kind that are kept one by one; of the rest their number, under a subject that is no id. */
const keptMax = 10_000;
const restSubject = '*';

const settingName = 'look-over';
/** How long it took, in milliseconds. */
const durationName = 'look-over-took';

/** Findings by kind. */
type Counts = Record<string, number>;

/** When the fleet was last looked over; null: never. */
export async function lookedOverAt(app: Pick<Context, 'store'>): Promise<Instant | null> {
  const text = await app.store.read.setting(settingName);
  return text === null ? null : Number(text);
}

/** How long the last look took, in milliseconds; null: nobody has looked. */
export async function lookTookMs(app: Pick<Context, 'store'>): Promise<number | null> {
  const text = await app.store.read.setting(durationName);
  return text === null ? null : Number(text);
}

/** Looks over everything. @returns how many findings there are of each kind. Ends early, and forgets nothing, when `signal` aborts. */
export async function lookOver(app: LookOverContext, signal: AbortSignal): Promise<Counts> {
  const startedAt = app.clock.now();
  const began = app.clock.steady();
  const counts: Counts = Object.fromEntries(surveyedKinds.map((kind) => [kind, 0]));
  const needs = new DailyNeeds();
  const fleet = new FleetNeeds();
  const next = (last: Principal | null) => app.store.read.principals({}, { limit: pageRows, ...afterId(last) });
  for await (const page of pagesOf(pageRows, next)) {
    for (const principal of page) needs.add(app, principal, app.policies.of(principal));
    const found = await findIn(app, page, counts, fleet);
    if (found.length > 0) await app.store.transact((tx) => keep(tx, found));
    await app.turns.take();
    if (signal.aborted) return counts;
  }
  await settleKnocks(app);
  await settleControls(app);
  await alertDelegations(app, needs);
  await alertRates(app, fleet);
  await app.store.transact(async (tx) => {
    await conclude(tx, counts, startedAt, app.clock.now());
    await tx.putSetting(durationName, String(Math.ceil(app.clock.steady() - began)));
  });
  app.decisions.tell({
    action: 'fleet.looked_over',
    message: `the fleet was checked: ${Object.values(counts).reduce((sum, count) => sum + count, 0)} findings`,
    fields: { 'nolapse.findings': counts },
  });
  return counts;
}

async function findIn(
  app: LookOverContext,
  page: readonly Principal[],
  counts: Counts,
  fleet: FleetNeeds,
): Promise<StoredFinding[]> {
  const [first, last] = [page[0]?.id, page.at(-1)?.id];
  if (!first || !last) return [];
  const { read } = app.store;
  const certificates = await byPrincipal(read, first, last);
  const lastSeen = await read.lastSeen(first, last);
  const lit = await read.litUntil(first, last);
  const found: StoredFinding[] = [];
  const now = app.clock.now();
  for (const principal of page) {
    const policy = app.policies.of(principal);
    const inUse: CertificateInUse[] = [];
    const surveyed = certificates.get(principal.id) ?? [];
    fleet.add(principal, surveyed, policy);
    for (const each of surveyed) inUse.push(await examineCertificate(app, principal, each, now));
    // Read only where it could make a difference.
    const presence = inUse.some(({ installedAt }) => installedAt !== null) ? await read.presence(principal.id) : null;
    const gateway = principal.gateway && principal.site ? await read.principal(principal.gateway) : null;
    const facts = {
      principal,
      certificates: inUse,
      ...comingsOf(app, principal.id, presence),
      lastSeenAt: lastSeen.get(principal.id) ?? null,
      litUntil: lit.get(principal.id) ?? null,
      gatewaySite: gateway?.site ?? null,
      policy,
      classIsConfigured: app.policies.set.has(principal.class),
      sourceIsConfigured: principal.source === null || app.settings.sources.has(principal.source),
      now,
    };
    for (const { kind, detail } of findingsOf(facts)) {
      const count = (counts[kind] ?? 0) + 1;
      counts[kind] = count;
      if (count <= keptMax) found.push({ kind, subject: principal.id, detail, firstAt: now, lastAt: now });
    }
  }
  return found;
}

/** The certificates of each principal. */
async function byPrincipal(read: Reader, first: PrincipalId, last: PrincipalId) {
  const groups = new Map<PrincipalId, SurveyedCertificate[]>();
  for (const each of await read.certificatesInUse(first, last)) {
    const group = groups.get(each.principalId);
    if (group) group.push(each);
    else groups.set(each.principalId, [each]);
  }
  return groups;
}

async function keep(tx: Transaction, found: readonly StoredFinding[]): Promise<void> {
  for (const each of found) await tx.putFinding(each);
}

/** What was not found again is so no more. */
async function conclude(tx: Transaction, counts: Counts, startedAt: Instant, now: Instant): Promise<void> {
  for (const kind of surveyedKinds) {
    const rest = (counts[kind] ?? 0) - keptMax;
    if (rest > 0) {
      const detail = `and ${rest} more, which are not listed one by one`;
      await tx.putFinding({ kind, subject: restSubject, detail, firstAt: now, lastAt: now });
    }
    await tx.forgetFindings(kind, startedAt);
  }
  await tx.putSetting(settingName, String(startedAt));
}
