// A whole fleet through every way to roll a root over: the same devices, absences and faults for each.
import { cadences, World, year } from '../lapses/world.ts';
import { traitsOf } from './fleet.ts';
import { followRollover, type Rolled } from './follow.ts';
import { type Dates, type Way, waysFor } from './ways.ts';

export interface RolloverOptions {
  readonly devices: number;
  /** From the announcement of the next root to the end of the old one. */
  readonly years: number;
  /** The same seed gives the same world. */
  readonly seed: number;
}

export interface WayResult {
  readonly name: string;
  /** Devices that went dark. */
  dark: number;
  /** Devices that were named before the old root ended, and those of them that went dark. */
  named: number;
  darkNamed: number;
}

export interface CadenceResult {
  readonly name: string;
  devices: number;
  /** Those that say they keep the next root, can use it and reach its port. */
  answering: number;
  /** How long it took until a share of them had proved it; null: it never was as many. Milliseconds. */
  readonly ninetyNine: number | null;
  readonly ninetyNineNine: number | null;
}

export interface RolloverResult {
  readonly ways: readonly WayResult[];
  /** All of the fleet last. Of the way that has proof. */
  readonly cadences: readonly CadenceResult[];
}

/** The gaps of devices are observed for a year before the announcement, and they are followed for a year after the end. */
const asideYears = 1;

/** After how long a share of these was there; times are sorted, null: never. */
function shareAfter(times: readonly (number | null)[], share: number): number | null {
  const sorted = times.map((each) => each ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  const at = sorted[Math.ceil(sorted.length * share) - 1] ?? Number.POSITIVE_INFINITY;
  return at === Number.POSITIVE_INFINITY ? null : at;
}

function add(result: WayResult, { darkAt, namedAt }: Rolled): void {
  if (darkAt !== null) result.dark += 1;
  if (namedAt === null) return;
  result.named += 1;
  if (darkAt !== null && namedAt < darkAt) result.darkNamed += 1;
}

export function simulateRollover({ devices, years, seed }: RolloverOptions): RolloverResult {
  const dates: Dates = { distributedAt: asideYears * year, endsAt: (asideYears + years) * year };
  const world = new World(seed, dates.endsAt + asideYears * year);
  const ways: readonly Way[] = waysFor(dates);
  const results = ways.map(({ name }) => ({ name, dark: 0, named: 0, darkNamed: 0 }));
  const kinds = cadences.map(({ name }) => ({ name, devices: 0, times: [] as (number | null)[] }));
  for (let index = 0; index < devices; index += 1) {
    const traits = traitsOf(seed, index);
    const device = world.device(index);
    const stays = world.stays(index, device);
    const kind = kinds[device.cadence];
    if (kind) kind.devices += 1;
    for (const [i, way] of ways.entries()) {
      const rolled = followRollover(world, { index, traits, stays }, way, dates);
      const result = results[i];
      if (result) add(result, rolled);
      const answers = rolled.storedAt !== null && traits.usesNext && traits.reachesSecondPort;
      if (way.warnsFrom === null || !answers) continue;
      kind?.times.push(rolled.provedAt === null ? null : rolled.provedAt - dates.distributedAt);
    }
  }
  const all = { name: 'all', devices, times: kinds.flatMap(({ times }) => times) };
  return {
    ways: results,
    cadences: [...kinds, all].map(({ times, ...rest }) => ({
      ...rest,
      answering: times.length,
      ninetyNine: shareAfter(times, 0.99),
      ninetyNineNine: shareAfter(times, 0.999),
    })),
  };
}
