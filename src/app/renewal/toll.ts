// What a decision does to the dates of certificates in use, added up: how many are due earlier or later, how many at once, and whom it
// leaves too little time, and how often certificates have to be replaced with it. The first of those left short are kept by name.
import { darkReasons } from '../../domain/forecast.ts';
import { dayMs, type Instant } from '../../domain/time.ts';
import { type ShortReason, shortReasons } from '../../domain/time-left.ts';
import type { App } from '../context.ts';
import type { ShortDevice, TollView } from '../decision-views.ts';
import type { Objection } from './decide.ts';

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
  readonly perDay?: PerDay;
}

/** Renewals a day that all certificates looked at need, one after another. */
export interface PerDay {
  readonly without: number;
  readonly withIt: number;
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
  perDay: PerDay = { without: 0, withIt: 0 };

  /** What was added up before, and kept. */
  static from({ looked, earlier, later, due, waiting = 0, short = 0, devices = [], perDay }: KeptToll): Toll {
    const toll = new Toll();
    Object.assign(toll, { looked, earlier, later, dueAtOnce: due, waiting, short, ...(perDay && { perDay }) });
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

  /** One certificate more, and how often a day it is replaced without the decision and with it. */
  renewsEach(without: number, withIt: number): void {
    this.perDay = { without: this.perDay.without + without, withIt: this.perDay.withIt + withIt };
  }

  kept(): KeptToll {
    const { looked, earlier, later, dueAtOnce: due, waiting, short, devices, perDay } = this;
    return { looked, earlier, later, due, waiting, short, devices, perDay };
  }

  /** What speaks against the decision. @param mostPerDay the renewals a day that the rates of the gateway allow. */
  objections(mostPerDay: number): Objection[] {
    const { short, devices, perDay } = this;
    const found: Objection[] = [];
    if (short > 0) found.push({ count: short, sentence: shortSentence(short, devices), named: this.named() });
    if (perDay.withIt > mostPerDay && perDay.without <= mostPerDay) {
      const sentence = `it makes about ${Math.ceil(perDay.withIt)} renewals a day necessary, and the rate limits allow ${mostPerDay}`;
      found.push({ count: Math.ceil(perDay.withIt), sentence, named: [] });
    }
    return found;
  }

  /** A line for each of the first of them. */
  named(): string[] {
    return this.devices.map(
      ({ id, owner, endsAt, detail }) =>
        `${id} (${owner || 'no owner'}), ends ${new Date(endsAt).toISOString()}: ${detail}`,
    );
  }

  view({ offersPerSecond, mostPerDay }: Paces): TollView {
    const { looked, earlier, later, dueAtOnce, short, devices, perDay } = this;
    const unmoved = looked - earlier - later;
    const offersTakeMs = Math.ceil((dueAtOnce / offersPerSecond) * 1_000);
    const moves = { looked, earlier, later, unmoved, dueAtOnce, offersPerSecond, offersTakeMs };
    const objections = this.objections(mostPerDay).map(({ sentence }) => sentence);
    return { ...moves, perDay: { ...perDay, most: mostPerDay }, short, devices, objections };
  }
}

/** How fast renewals may go. */
export interface Paces {
  readonly offersPerSecond: number;
  readonly mostPerDay: number;
}

export function pacesOf({ offers, issuances }: App['rates']): Paces {
  const { perSecond } = offers;
  return { offersPerSecond: perSecond, mostPerDay: (Math.min(perSecond, issuances.perSecond) * dayMs) / 1_000 };
}

/** One sentence about whom it leaves too little time; the figures are those of the decision. */
function shortSentence(short: number, [first]: readonly ShortDevice[]): string {
  const certificates = short === 1 ? '1 certificate' : `${short} certificates`;
  const which = first
    ? `; the first is that of ${first.id}, which ends ${new Date(first.endsAt).toISOString()}: ${first.detail}`
    : '';
  return `it leaves ${certificates} too little time to be replaced${which}`;
}
