// How far the fleet is on its way from one root to the next, counted from what the ledger keeps of all of it, with what is foreseen.
import { inState, type RootSlot } from '../../domain/root-slots.ts';
import {
  type CountedWay,
  type Rollover,
  rolloverOf,
  type Shares,
  sharesOf,
  whenProved,
} from '../../domain/trust-shares.ts';
import type { TrustCount, TrustPart } from '../../ports/trust.ts';
import type { Context } from '../context.ts';
import { pagesOf } from '../pages.ts';
import { unverifying } from '../trust-records.ts';
import type { WithTurns } from '../turns.ts';
import type { CohortShares, NamedShares, ProofsAheadView, SharesView } from '../views/trust-shares.ts';
import type { ProofsAhead, WithProofs } from './proof-outlook.ts';

export type SharesContext = Pick<Context, 'store' | 'clock' | 'sessions'> & WithTurns & WithProofs;

/** Names of one part that are counted before others have a turn, and at all. */
const namesPage = 200;
const namesMax = 20_000;
/** Cohorts of each kind that are listed. */
const listedMax = 50;
/** Owners of those that will not make it. */
const ownersMax = 50;
/** How long whoever asks waits for a walk over the fleet. */
const patienceMs = 10_000;
const findingsPage = 1_000;
const findingsMax = 100_000;

const nearlyAll = 0.99;

/** The counts of the whole fleet. */
export function countsOfAll({ store }: Pick<Context, 'store'>): Promise<TrustCount[]> {
  return store.read.trustCounts('all', null, 1);
}

/** Principals that a control has shown not to verify the broker. */
export async function controlFailed({ store }: Pick<Context, 'store'>): Promise<number> {
  let count = 0;
  const next = (last: { readonly subject: string } | null) =>
    store.read.findings({ kind: unverifying, ...(last && { after: last.subject }) }, findingsPage);
  for await (const page of pagesOf(findingsPage, next)) {
    count += page.length;
    if (count >= findingsMax) break;
  }
  return count;
}

const slots = ['next', 'current', 'former'] as const;

/** The shares of the root in each slot; null: there is none. Costs the same for every fleet. */
export async function sharesBySlot(app: Pick<Context, 'store'>): Promise<Map<(typeof slots)[number], Shares | null>> {
  const [roots, counts] = [await app.store.read.rootSlots(), await countsOfAll(app)];
  const shares = (root: RootSlot | null) => root && sharesOf(withFirst(counts, root.number), root.number);
  return new Map(slots.map((slot) => [slot, shares(inState(roots, slot))]));
}

/** Everybody begins with the first root, and nothing is counted of it. */
function withFirst(counts: readonly CountedWay[], root: number): readonly CountedWay[] {
  if (root > 1) return counts;
  const services = counts.filter(({ measure }) => measure === 'in_service');
  const isAll = services.map(({ gates, count }): CountedWay => ({ measure: 'last', root: 1, gates, count }));
  return [...services, ...isAll];
}

async function cohorts(app: SharesContext, part: Exclude<TrustPart, 'all'>, root: number): Promise<CohortShares> {
  const all: NamedShares[] = [];
  for (let after: string | null = null; all.length < namesMax; ) {
    const page: TrustCount[] = await app.store.read.trustCounts(part, after, namesPage);
    const byName = new Map<string, TrustCount[]>();
    for (const each of page) byName.set(each.name, [...(byName.get(each.name) ?? []), each]);
    for (const [name, counts] of byName) all.push({ name, ...sharesOf(counts, root) });
    if (byName.size < namesPage) break;
    after = page.at(-1)?.name ?? null;
    await app.turns.take();
  }
  const listed = all
    .filter(({ inService }) => inService > 0)
    .toSorted((one, other) => other.unproved - one.unproved || other.inService - one.inService);
  return { listed: listed.slice(0, listedMax), more: Math.max(0, listed.length - listedMax) };
}

function aheadView(ahead: ProofsAhead, all: Shares, now: number): ProofsAheadView {
  const { neverConnected, onOldPort, late, reasons, dates, at } = ahead;
  const owners = [...ahead.owners]
    .map(([owner, { count, first }]) => ({ owner, count, first }))
    .toSorted((one, other) => other.count - one.count)
    .slice(0, ownersMax);
  return {
    ageMs: Math.max(0, now - at),
    ...{ neverConnected, onOldPort, late, reasons, owners },
    nearlyAllAt: whenProved(dates, all, nearlyAll),
    allAt: whenProved(dates, all, 1),
  };
}

/** Null: no rollover is under way. */
export async function sharesView(app: SharesContext): Promise<SharesView | null> {
  const rollover: Rollover | null = rolloverOf(await app.store.read.rootSlots());
  if (!rollover) return null;
  const { leaves, towards } = rollover;
  const ahead = await app.proofs.now(rollover, patienceMs);
  const root = towards.number;
  const all = sharesOf(await countsOfAll(app), root);
  return {
    leaves: leaves.number,
    endsAt: leaves.notAfter,
    towards: root,
    all,
    classes: await cohorts(app, 'class', root),
    owners: await cohorts(app, 'owner', root),
    sites: await cohorts(app, 'site', root),
    sessionsOnOldPort: await app.sessions.under(leaves.number),
    controlFailed: await controlFailed(app),
    ahead: ahead && aheadView(ahead, all, app.clock.now()),
  };
}
