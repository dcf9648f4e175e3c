// A whole fleet under every schedule: the same devices, absences and outages for each, beside the fewest lapses there could be.
import { follow, foresee, lifeOf, type Outcome } from './run.ts';
import { byGaps, thirtyDays, twoThirds } from './schedules.ts';
import { cadences, World, year } from './world.ts';

/** The broker's default for `renewAt`, and a later one for fleets that would rather renew less often. */
export const defaultShare = 0.5;
const lateShare = 0.66;

export interface SimulationOptions {
  readonly devices: number;
  readonly years: number;
  /** The same seed gives the same world. */
  readonly seed: number;
}

export interface CadenceResult {
  readonly name: string;
  devices: number;
  /** Lapses under each schedule, the clairvoyant last. */
  readonly lapses: number[];
}

export interface SimulationResult {
  /** Renewals and lapses under each schedule, the clairvoyant last. */
  readonly schedules: readonly (Readonly<Outcome> & { readonly name: string })[];
  readonly cadences: readonly CadenceResult[];
}

export function simulate({ devices, years, seed }: SimulationOptions): SimulationResult {
  const world = new World(seed, years * year);
  const rules = [thirtyDays, twoThirds, byGaps(lateShare), byGaps(defaultShare)];
  const schedules = [...rules, { name: 'clairvoyant' }].map(({ name }) => ({ name, renewals: 0, lapses: 0 }));
  const results = cadences.map(({ name }) => ({ name, devices: 0, lapses: schedules.map(() => 0) }));
  for (let index = 0; index < devices; index += 1) {
    const life = lifeOf(world, index);
    const outcomes = rules.map((rule) => follow(world, life, rule));
    outcomes.push(foresee(world, life));
    const result = results[life.device.cadence];
    if (result) result.devices += 1;
    for (const [i, { renewals, lapses }] of outcomes.entries()) {
      const schedule = schedules[i];
      if (!schedule || !result) continue;
      schedule.renewals += renewals;
      schedule.lapses += lapses;
      result.lapses[i] = (result.lapses[i] ?? 0) + lapses;
    }
  }
  return { schedules, cadences: results };
}
