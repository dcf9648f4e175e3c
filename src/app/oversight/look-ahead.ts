// Walks the principals whose certificates end by a date, a page at a time: who is dark, and who is expected to be by then. Forecast, doctor
// and metrics count what is found here, and nothing else.
import { chanceOf, type Darkness, foresee, type Prospect } from '../../domain/forecast.ts';
import { graceMs } from '../../domain/policy.ts';
import { whyDark } from '../../domain/standing.ts';
import type { Instant } from '../../domain/time.ts';
import type { Absence } from '../../domain/visits.ts';
import type { Horizon } from '../../ports/fleet.ts';
import type { Context } from '../context.ts';
import { pagesOf } from '../pages.ts';
import { hasKeyMode, type ProspectContext, prospectOf } from '../renewal/prospect.ts';
import type { WithTurns } from '../turns.ts';

export type LookAheadContext = ProspectContext & Pick<Context, 'profiles'> & WithTurns;

/** Principals read and judged before others have a turn. */
const pageMax = 200;

export interface AheadQuery {
  readonly now: Instant;
  readonly until: Instant;
  readonly absences: readonly Absence[];
  /** Ends the walk early. */
  readonly signal?: AbortSignal;
  isMeant(horizon: Horizon): boolean;
}

/** One principal whose certificate ends by then, or has ended. */
export interface Ahead {
  readonly horizon: Horizon;
  /** Null: it is expected to be renewed in time. */
  readonly dark: Darkness | null;
  readonly prospect: Prospect;
  readonly expectedAt: Instant;
}

/** In the order of the ends: those that are dark now come first. It changes nothing, and holds no more of the fleet than a page. */
export async function* lookAhead(app: LookAheadContext, query: AheadQuery): AsyncGenerator<Ahead> {
  const next = async (last: Horizon | null) => {
    await app.turns.take();
    const after = last && { litUntil: last.litUntil, id: last.principal.id };
    return app.store.read.horizons(query.until, after, pageMax);
  };
  for await (const page of pagesOf(pageMax, next)) {
    for (const horizon of page) {
      if (query.isMeant(horizon)) yield await judgeHorizon(app, await withPlan(app, horizon), query);
    }
    if (query.signal?.aborted) break;
  }
}

/** What lets it in for longest may be a drill's certificate: its successor comes with the renewal of the one beside it. */
async function withPlan(app: Pick<Context, 'store'>, horizon: Horizon): Promise<Horizon> {
  const { certificate, principal, renewal } = horizon;
  if (certificate.state !== 'active' || certificate.renewAt !== null || renewal) return horizon;
  const others = await app.store.read.outlooksOf(principal.id);
  const planned = others.find((each) => each.certificate.renewAt !== null || each.renewal !== null);
  if (!planned) return horizon;
  const { renewAt } = planned.certificate;
  return { ...horizon, renewal: planned.renewal, certificate: { ...certificate, renewAt } };
}

async function judgeHorizon(
  app: LookAheadContext,
  horizon: Horizon,
  { now, until, absences }: AheadQuery,
): Promise<Ahead> {
  const { principal, certificate, litUntil } = horizon;
  const policy = app.policies.of(principal);
  const prospect = prospectOf(app, horizon, absences, now);
  const chance = chanceOf(prospect, now);
  const { expectedAt } = chance;
  if (litUntil <= now) {
    const why = whyDark(principal, certificate, graceMs(policy), now);
    return { horizon, prospect, expectedAt, dark: { why, at: litUntil, slackMs: null } };
  }
  const dark = foresee(prospect, chance, until, await hasKeyMode(app, horizon, policy, chance.renewsAt));
  return { horizon, prospect, expectedAt, dark };
}
