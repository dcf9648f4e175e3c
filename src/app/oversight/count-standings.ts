// Counts how the fleet stands, a page of the index at a time: a fleet of which all is dark, or nothing was issued yet, holds up nobody.
import type { PrincipalId } from '../../domain/principal.ts';
import type { HorizonPlace, StandingCount, StandingCounts, StandingPage } from '../../ports/fleet.ts';
import type { Context } from '../context.ts';
import type { WithTurns } from '../turns.ts';

/** Rows of the index counted before others have a turn: a few milliseconds. */
const countedAtOnce = 10_000;

/** Takes as many turns as there are pages; what changes meanwhile is counted as it was when its page was. */
export async function countStandings(app: Pick<Context, 'store' | 'clock'> & WithTurns): Promise<StandingCounts> {
  const now = app.clock.now();
  const { read } = app.store;
  const dark = await sumOf<HorizonPlace>(app, (after) => read.darkPage(now, after, countedAtOnce));
  return { dark, without: await countWithout(app), nearestEndAt: await read.nearestEnd(now) };
}

/** Those that never had a certificate. */
export function countWithout(app: Pick<Context, 'store'> & WithTurns): Promise<StandingCount> {
  return sumOf<PrincipalId>(app, (after) => app.store.read.withoutPage(after, countedAtOnce));
}

async function sumOf<Place>(
  app: WithTurns,
  page: (after: Place | null) => Promise<StandingPage<Place>>,
): Promise<StandingCount> {
  let sum: StandingCount = { all: 0, quarantined: 0, devices: 0 };
  let after: Place | null = null;
  for (;;) {
    const { count, last }: StandingPage<Place> = await page(after);
    const { all, quarantined, devices } = sum;
    sum = {
      all: all + count.all,
      quarantined: quarantined + count.quarantined,
      devices: devices + count.devices,
    };
    if (last === null) return sum;
    after = last;
    await app.turns.take();
  }
}
