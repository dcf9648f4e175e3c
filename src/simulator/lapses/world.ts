// The world of the simulation: when each device can renew. Devices have a cadence, from always on to once in 60 days, and long
// absences of their own; sites and the CA have outages. Nothing here knows of any schedule.
import { chance, logNormal } from './random.ts';

const hour = 3_600_000;
export const day = 24 * hour;
export const year = 365 * day;

/** A stretch of time in which something is not to be had. */
interface Outage {
  readonly from: number;
  readonly to: number;
}

/** A kind of device: how often it comes, and its part of the fleet. Cadence 0: always on. */
interface Cadence {
  readonly name: string;
  readonly everyMs: number;
  readonly share: number;
}

export const cadences: readonly Cadence[] = [
  { name: 'always on', everyMs: 0, share: 0.4 },
  { name: '12 hours', everyMs: 12 * hour, share: 0.15 },
  { name: '1 day', everyMs: day, share: 0.15 },
  { name: '1 week', everyMs: 7 * day, share: 0.12 },
  { name: '2 weeks', everyMs: 14 * day, share: 0.08 },
  { name: '30 days', everyMs: 30 * day, share: 0.06 },
  { name: '60 days', everyMs: 60 * day, share: 0.04 },
];

/** Lifetimes of certificates in the fleet, and their parts of it. */
const lifetimes: readonly { readonly ms: number; readonly share: number }[] = [
  { ms: 47 * day, share: 0.2 },
  { ms: 90 * day, share: 0.4 },
  { ms: 180 * day, share: 0.2 },
  { ms: 365 * day, share: 0.2 },
];

/** A renewal that did not succeed is tried again after this long, if the device is still there. */
const retryMs = hour;
/** How far a visit may stray from its turn, as a part of the cadence to either side. */
const strayShare = 0.4;
/** Visits in which a renewal does not succeed although everything was up: cut off, out of battery, out of range. */
const failureShare = 0.02;
/** Devices that are out of use for months at a time: in a warehouse, off season. */
const seasonalShare = 0.1;

const devicesPerSite = 200;

/** A connection: from when to when the device is there. Visits are over at once. */
export interface Stay {
  readonly from: number;
  readonly to: number;
}

export interface Device {
  readonly cadence: number;
  readonly lifetimeMs: number;
  /** Every stretch in which it cannot connect, in order, overlaps merged. */
  readonly away: readonly Outage[];
}

function pick<T extends { readonly share: number }>(choices: readonly T[], at: number): number {
  let sum = 0;
  for (const [index, { share }] of choices.entries()) {
    sum += share;
    if (at < sum) return index;
  }
  return choices.length - 1;
}

/** Outages at a mean rate, log-normal lengths, in [0, span). */
function outages(
  seed: number,
  who: number,
  spanMs: number,
  perYear: number,
  medianMs: number,
  sigma: number,
): Outage[] {
  const list: Outage[] = [];
  let at = 0;
  for (let i = 0; at < spanMs; i += 3) {
    at += (-Math.log(1 - chance(seed, who, i)) * year) / perYear;
    const length = logNormal(medianMs, sigma, chance(seed, who, i + 1), chance(seed, who, i + 2));
    list.push({ from: at, to: at + length });
    at += length;
  }
  return list;
}

function merge(list: readonly Outage[]): Outage[] {
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of [...list].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

/** Does one of these stretches, in order, cover the instant? */
function isWithin(list: readonly Outage[], at: number): boolean {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.to ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return (list[low]?.from ?? Number.POSITIVE_INFINITY) <= at;
}

export class World {
  readonly #seed: number;
  readonly #spanMs: number;
  readonly #ca: readonly Outage[];
  readonly #sites = new Map<number, readonly Outage[]>();

  constructor(seed: number, spanMs: number) {
    this.#seed = seed;
    this.#spanMs = spanMs;
    this.#ca = merge(outages(seed ^ 0xca, 0, spanMs, 6, 6 * hour, 1.5));
  }

  device(index: number): Device {
    const seed = this.#seed;
    const cadence = pick(cadences, chance(seed, index, 1));
    const lifetimeMs = lifetimes[pick(lifetimes, chance(seed, index, 2))]?.ms ?? 90 * day;
    const own = outages(seed ^ 0x0d, index, this.#spanMs, 1, 2 * day, 1.3);
    const seasonal =
      chance(seed, index, 3) < seasonalShare ? outages(seed ^ 0x5e, index, this.#spanMs, 0.5, 60 * day, 0.5) : [];
    return {
      cadence,
      lifetimeMs,
      away: merge([...own, ...seasonal, ...this.#site(Math.floor(index / devicesPerSite))]),
    };
  }

  #site(site: number): readonly Outage[] {
    const known = this.#sites.get(site);
    if (known) return known;
    const list = outages(this.#seed ^ 0x51, site, this.#spanMs, 2, day, 1.2);
    this.#sites.set(site, list);
    return list;
  }

  /** The device's connections, in order of time. */
  stays(index: number, device: Device): Stay[] {
    const everyMs = cadences[device.cadence]?.everyMs ?? 0;
    return everyMs === 0 ? this.#between(device) : this.#visits(index, device, everyMs);
  }

  /** One that is always on is there whenever it is not away. */
  #between({ away }: Device): Stay[] {
    const stays: Stay[] = [];
    let from = 0;
    for (const outage of [...away, { from: this.#spanMs, to: this.#spanMs }]) {
      if (from >= this.#spanMs) break;
      if (outage.from > from) stays.push({ from, to: Math.min(outage.from, this.#spanMs) });
      from = outage.to;
    }
    return stays;
  }

  #visits(index: number, { away }: Device, everyMs: number): Stay[] {
    const seed = this.#seed ^ 0x715;
    const stays: Stay[] = [];
    const phase = chance(seed, index, 0xfa5e);
    let next = 0;
    let last = 0;
    for (let turn = 1; ; turn += 1) {
      const stray = (chance(seed, index, turn) * 2 - 1) * strayShare;
      const at = Math.max(last, (turn - 1 + phase + stray) * everyMs);
      if (at >= this.#spanMs) return stays;
      while ((away[next]?.to ?? Number.POSITIVE_INFINITY) <= at) next += 1;
      if ((away[next]?.from ?? Number.POSITIVE_INFINITY) <= at) continue;
      stays.push({ from: at, to: at });
      last = at;
    }
  }

  /** Would a renewal of this device succeed at this moment? */
  succeeds(index: number, at: number): boolean {
    if (isWithin(this.#ca, at)) return false;
    return chance(this.#seed ^ 0xf, index, Math.floor(at / retryMs)) >= failureShare;
  }

  /** The first moment of a stay, from `from` on, in which a renewal succeeds; null when there is none. */
  firstSuccess(index: number, stay: Stay, from: number): number | null {
    for (let at = Math.max(from, stay.from); at <= stay.to; at += retryMs) if (this.succeeds(index, at)) return at;
    return null;
  }

  /** The last moment of a stay, up to `until`, in which a renewal succeeds; null when there is none. */
  lastSuccess(index: number, stay: Stay, until: number): number | null {
    for (let at = Math.min(until, stay.to); at >= stay.from; at -= retryMs) if (this.succeeds(index, at)) return at;
    return null;
  }
}

/** The index of the first stay that reaches `at` or lies beyond it. */
export function firstAt(stays: readonly Stay[], at: number): number {
  let low = 0;
  let high = stays.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((stays[middle]?.to ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
