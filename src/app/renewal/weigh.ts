// Compares a certificate in use as it stands without a decision and with it, and adds what follows to the toll of the decision.
import { isDeepStrictEqual } from 'node:util';
import { lifeMsOf, type Policy, renewalsPerDay } from '../../domain/policy.ts';
import type { GatewayStanding, Principal } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import { type Footing, neededMs, reachOf, takesTime } from '../../domain/time-left.ts';
import type { Absence } from '../../domain/visits.ts';
import type { Outlook } from '../../ports/outlooks.ts';
import type { Context } from '../context.ts';
import { dueUnder } from './due.ts';
import { noWayFor } from './no-way.ts';
import { type ProspectContext, prospectOf, reliesOnGateways } from './prospect.ts';
import type { WithRates } from './token-bucket.ts';
import type { Toll } from './toll.ts';

export type WeighContext = ProspectContext & Pick<Context, 'profiles' | 'clock'> & WithRates;

/** What a decision changes of what a certificate's dates follow from. */
export interface Side {
  readonly principal: Principal;
  readonly standsBehind: GatewayStanding | null;
  readonly policy: Policy;
}

export interface Weighing {
  readonly app: WeighContext;
  readonly toll: Toll;
  readonly absences: readonly Absence[];
  readonly now: Instant;
}

/** @returns when it is due with the decision; null: it has no due date, and gets none. */
export async function weigh(
  weighing: Weighing,
  outlook: Outlook,
  without: Side,
  withIt: Side,
): Promise<Instant | null> {
  const { app, toll, now } = weighing;
  const { certificate, renewal } = outlook;
  toll.looked += 1;
  if (certificate.renewAt === null && !renewal) return null;
  const gaps = outlook.visits?.gaps ?? new Uint8Array();
  const before = renewal ? now : certificate.renewAt;
  const after = renewal ? now : dueUnder(app, withIt.policy, certificate, withIt.principal, gaps);
  if (!renewal) toll.moves(before, after, now);
  if (outlook.principal.status !== 'active') return after;
  toll.renewsEach(renewalsPerDay(without.policy), renewalsPerDay(withIt.policy));
  // Whom a delegation names with one record or the other depends on it with both: it was renewed by it, or was to be.
  const relies = [without, withIt].some(({ principal }) => reliesOnGateways(app, { ...outlook, principal }));
  const ways = await noWays(weighing, outlook, without, withIt, relies, Math.max(now, after ?? now));
  const one = { ...footing(weighing, outlook, without, before, 0, relies), noWay: ways.without };
  const other = { ...footing(weighing, outlook, withIt, after, toll.waiting, relies), noWay: ways.withIt };
  const why = takesTime(one, other, now);
  if (why) {
    const { id, owner } = withIt.principal;
    toll.leavesShort({ id, owner, serial: certificate.serial, endsAt: certificate.notAfter, dueAt: after, why });
  }
  return after;
}

function footing(
  { app, absences, now }: Weighing,
  outlook: Outlook,
  { principal, standsBehind, policy }: Side,
  dueAt: Instant | null,
  ahead: number,
  relies: boolean,
): Omit<Footing, 'noWay'> {
  const facts = { ...outlook, principal, standsBehind };
  const prospect = { ...prospectOf(app, facts, absences, now, relies), dueAt };
  const { plannedMs } = prospect.gaps;
  // Of the time between a first visit and the next nothing has to be left to one that is here.
  const needs = { lifeMs: lifeMsOf(outlook.certificate), plannedMs: prospect.awayMs === null ? 0 : plannedMs };
  return {
    prospect,
    reach: reachOf(policy, plannedMs),
    neededMs: neededMs(needs, policy, ahead, app.rates.offers.perSecond),
  };
}

/** Asked only where the decision can make a difference: most devices make keys of their own, and need no look at the present one. */
async function noWays({ app }: Weighing, outlook: Outlook, without: Side, withIt: Side, relies: boolean, at: Instant) {
  if (isDeepStrictEqual(told(without), told(withIt))) return { without: null, withIt: null };
  const ask = (side: Side) => noWayFor(app, outlook, { ...side, relies }, at);
  const why = await ask(withIt);
  return { withIt: why, without: why === null ? null : await ask(without) };
}

/** What decides whether there is a way. */
function told({ principal, policy }: Side): unknown {
  const { modes, site, encoding, packetBytesMax } = principal;
  return [modes, site, encoding, packetBytesMax, policy.keyModes, policy.keyAgeMaxMs, policy.requireDeviceProof];
}
