// What a decision does to the dates of certificates in use, added up: how many are due earlier or later, how many at once, and whom it
// leaves too little time, and how often certificates have to be replaced with it. The first of those left short are kept by name.
import { counted } from '../../domain/counted.ts';
import { darkReasons } from '../../domain/forecast.ts';
import { dayMs, type Instant } from '../../domain/time.ts';
import { type ShortReason, shortReasons } from '../../domain/time-left.ts';
import { shortLines } from '../short-lines.ts';
import type { ShortDevice, ShortGroup, TollView } from '../views/decisions.ts';
import type { Objection } from './decide.ts';
import type { Rates } from './token-bucket.ts';

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
  readonly shortBy?: Readonly<Partial<Record<ShortReason, number>>>;
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
  /** Of those that are short, how many for which reason. */
  readonly #shortBy = new Map<ShortReason, number>();

  /** What was added up before, and kept. */
  static from({
    looked,
    earlier,
    later,
    due,
    waiting = 0,
    short = 0,
    devices = [],
    perDay,
    shortBy = {},
  }: KeptToll): Toll {
    const toll = new Toll();
    Object.assign(toll, { looked, earlier, later, dueAtOnce: due, waiting, short, ...(perDay && { perDay }) });
    toll.devices.push(...devices);
    for (const [why, count] of Object.entries(shortBy)) toll.#shortBy.set(why as ShortReason, count);
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
    this.#shortBy.set(device.why, (this.#shortBy.get(device.why) ?? 0) + 1);
    if (this.devices.length < namedMax) this.devices.push({ ...device, detail: words[device.why] });
  }

  /** One certificate more, and how often a day it is replaced without the decision and with it. */
  renewsEach(without: number, withIt: number): void {
    this.perDay = { without: this.perDay.without + without, withIt: this.perDay.withIt + withIt };
  }

  kept(): KeptToll {
    const { looked, earlier, later, dueAtOnce: due, waiting, short, devices, perDay } = this;
    const shortBy = Object.fromEntries(this.#shortBy);
    return { looked, earlier, later, due, waiting, short, devices, perDay, shortBy };
  }

  /** What speaks against the decision. @param mostPerDay the renewals a day that the rates of the broker allow. */
  objections(mostPerDay: number): Objection[] {
    const { short, devices, perDay } = this;
    const found: Objection[] = [];
    if (short > 0) {
      found.push({
        count: short,
        sentence: shortSentence(short, devices),
        named: shortLines(this.#reasons(), devices),
      });
    }
    if (perDay.withIt > mostPerDay && perDay.without <= mostPerDay) {
      const sentence = `about ${Math.ceil(perDay.withIt)} renewals a day would be needed, and the rate limits allow ${mostPerDay}`;
      found.push({ count: Math.ceil(perDay.withIt), sentence, named: [] });
    }
    return found;
  }

  #reasons(): ShortGroup[] {
    return [...this.#shortBy].map(([why, count]) => ({ why, count, detail: words[why] }));
  }

  view({ offersPerSecond, mostPerDay }: Paces): TollView {
    const { looked, earlier, later, dueAtOnce, short, devices, perDay } = this;
    const unmoved = looked - earlier - later;
    const offersTakeMs = Math.ceil((dueAtOnce / offersPerSecond) * 1_000);
    const moves = { looked, earlier, later, unmoved, dueAtOnce, offersPerSecond, offersTakeMs };
    const objections = this.objections(mostPerDay).map(({ sentence }) => sentence);
    return { ...moves, perDay: { ...perDay, most: mostPerDay }, short, devices, reasons: this.#reasons(), objections };
  }
}

/** How fast renewals may go. */
export interface Paces {
  readonly offersPerSecond: number;
  readonly mostPerDay: number;
}

export function pacesOf({ offers, issuances }: Rates): Paces {
  const { perSecond } = offers;
  return { offersPerSecond: perSecond, mostPerDay: (Math.min(perSecond, issuances.perSecond) * dayMs) / 1_000 };
}

/** One sentence about whom it leaves too little time; the figures are those of the decision. */
function shortSentence(short: number, [first]: readonly ShortDevice[]): string {
  const which = first
    ? `; the first is that of ${first.id}, which ends ${new Date(first.endsAt).toISOString()}: ${first.detail}`
    : '';
  return `${counted(short, 'certificate')} would have too little time to be replaced${which}`;
}
