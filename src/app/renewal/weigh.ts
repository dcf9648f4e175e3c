// Compares a certificate in use as it stands without a decision and with it, and adds what follows to the toll of the decision.
import { isDeepStrictEqual } from 'node:util';
import { lifeMsOf, type Policy } from '../../domain/policy.ts';
import type { Principal, PrincipalStatus } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import { type Footing, neededMs, takesTime } from '../../domain/time-left.ts';
import type { Absence } from '../../domain/visits.ts';
import type { Outlook } from '../../ports/store.ts';
import type { App } from '../context.ts';
import { dueUnder } from './due.ts';
import { hasKeyMode, prospectOf } from './prospect.ts';
import type { Toll } from './toll.ts';

/** What a decision changes of what a certificate's dates follow from. */
export interface Side {
  readonly principal: Principal;
  readonly gatewayStatus: PrincipalStatus | null;
  readonly policy: Policy;
}

export interface Weighing {
  readonly app: App;
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
  const [one, other] = [
    footing(weighing, outlook, without, before, 0),
    footing(weighing, outlook, withIt, after, toll.waiting),
  ];
  const modes = await keyModes(app, outlook, without, withIt, Math.max(now, after ?? now));
  const why = takesTime({ ...one, hasKeyMode: modes.without }, { ...other, hasKeyMode: modes.withIt }, now);
  if (why) {
    const { id, owner } = withIt.principal;
    toll.leavesShort({ id, owner, serial: certificate.serial, endsAt: certificate.notAfter, dueAt: after, why });
  }
  return after;
}

function footing(
  { app, absences, now }: Weighing,
  outlook: Outlook,
  { principal, gatewayStatus, policy }: Side,
  dueAt: Instant | null,
  ahead: number,
): Omit<Footing, 'hasKeyMode'> {
  const prospect = { ...prospectOf(app, { ...outlook, principal, gatewayStatus }, absences, now), dueAt };
  const { certificate } = outlook;
  // Of the time between a first visit and the next nothing has to be left to one that is here.
  const plannedMs = prospect.awayMs === null ? 0 : prospect.gaps.plannedMs;
  const facts = { lifeMs: lifeMsOf(certificate), plannedMs };
  return { prospect, neededMs: neededMs(facts, policy, ahead, app.rates.offers.perSecond) };
}

/** Asked only where the decision can make a difference: most devices make keys of their own, and need no look at the present one. */
async function keyModes(app: App, outlook: Outlook, without: Side, withIt: Side, at: Instant) {
  const told = ({ principal, policy }: Side) => [principal.modes, policy.keyModes, policy.keyAgeMaxMs];
  if (outlook.renewal || isDeepStrictEqual(told(without), told(withIt))) return { without: true, withIt: true };
  const ask = ({ principal, policy }: Side) => hasKeyMode(app, { ...outlook, principal }, policy, at);
  const isPossible = await ask(withIt);
  return { withIt: isPossible, without: isPossible || (await ask(without)) };
}
