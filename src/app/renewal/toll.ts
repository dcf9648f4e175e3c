// What a decision does to the dates of certificates in use, added up: how many are due earlier or later, how many at once, and whom it
// leaves too little time. The first of those are kept by name.
import { darkReasons } from '../../domain/forecast.ts';
import type { Instant } from '../../domain/time.ts';
import { type ShortReason, shortReasons } from '../../domain/time-left.ts';
import type { ShortDevice, TollView } from '../decision-views.ts';

/** Devices named; all are counted. */
const namedMax = 20;

const words: Readonly<Record<ShortReason, string>> = { ...darkReasons, ...shortReasons };

/** As it is kept between two parts of long work. */
export interface KeptToll {
  readonly looked: number;
  readonly earlier: number;
  readonly later: number;
  readonly due: number;
  readonly waiting?: number;
  readonly short?: number;
  readonly devices?: readonly ShortDevice[];
}

export class Toll {
  looked = 0;
  earlier = 0;
  later = 0;
  /** Not due without the decision, and due now with it. */
  dueAtOnce = 0;
  /** Due now with it, those that are due anyway among them: whoever comes later waits for them. */
  waiting = 0;
  short = 0;
  readonly devices: ShortDevice[] = [];

  /** What was added up before, and kept. */
  static from({ looked, earlier, later, due, waiting = 0, short = 0, devices = [] }: KeptToll): Toll {
    const toll = new Toll();
    Object.assign(toll, { looked, earlier, later, dueAtOnce: due, waiting, short });
    toll.devices.push(...devices);
    return toll;
  }

  /** @param without when it is due without the decision, @param withIt with it; both null: it has no due date. */
  moves(without: Instant | null, withIt: Instant | null, now: Instant): void {
    if (withIt !== null && withIt <= now) this.waiting += 1;
    if (without === null || withIt === null || without === withIt) return;
    if (withIt < without) this.earlier += 1;
    else this.later += 1;
    if (withIt <= now && without > now) this.dueAtOnce += 1;
  }

  leavesShort(device: Omit<ShortDevice, 'detail'>): void {
    this.short += 1;
    if (this.devices.length < namedMax) this.devices.push({ ...device, detail: words[device.why] });
  }

  kept(): KeptToll {
    const { looked, earlier, later, dueAtOnce: due, waiting, short, devices } = this;
    return { looked, earlier, later, due, waiting, short, devices };
  }

  /** A line for each of the first of them. */
  named(): string[] {
    return this.devices.map(
      ({ id, owner, endsAt, detail }) =>
        `${id} (${owner || 'no owner'}), ends ${new Date(endsAt).toISOString()}: ${detail}`,
    );
  }

  view(offersPerSecond: number): TollView {
    const { looked, earlier, later, dueAtOnce, short, devices } = this;
    const unmoved = looked - earlier - later;
    const offersTakeMs = Math.ceil((dueAtOnce / offersPerSecond) * 1_000);
    return { looked, earlier, later, unmoved, dueAtOnce, offersPerSecond, offersTakeMs, short, devices };
  }
}

/** One sentence about whom it leaves too little time; the figures are those of the decision. */
export function shortSentence(short: number, [first]: readonly ShortDevice[]): string {
  const certificates = short === 1 ? '1 certificate' : `${short} certificates`;
  const which = first
    ? `; the first is that of ${first.id}, which ends ${new Date(first.endsAt).toISOString()}: ${first.detail}`
    : '';
  return `it leaves ${certificates} too little time to be replaced${which}`;
}
