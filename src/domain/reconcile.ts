// What an authoritative source changes in the inventory: a difference computed whole before anything is done, and a guard
// against a source that suddenly lacks a part of the fleet.
import type { Principal, PrincipalId } from './principal.ts';
import { dayMs, type Instant } from './time.ts';

/** `ignored`: the source knows it and does not say how it is. It stays as it is here. */
export type ToldStatus = 'active' | 'decommissioned' | 'ignored';

/** A device as the source has it: every field it says nothing of is left as it is. */
export type Told = Pick<Principal, 'id'> &
  Partial<Omit<Principal, 'id' | 'status' | 'source'>> & { readonly status?: ToldStatus };

/** How a source is to be understood, and how often it is read. */
export interface SourceRules {
  readonly everyMs: number;
  /** From 0 to 1: more of its devices missing within a day, and nothing of it is believed. */
  readonly missingShareMax: number;
  /** Our fields, by where its records have them; null: it calls them as we do. */
  readonly map: ReadonlyMap<string, string> | null;
  /** What all of its devices have in common. */
  readonly fixed: ReadonlyMap<string, string>;
  /** What its words for a status mean here. */
  readonly statuses: ReadonlyMap<string, ToldStatus>;
}

/** A device of which nothing is said but its name. */
export const blank: Omit<Principal, 'id' | 'source'> = {
  kind: 'device',
  status: 'active',
  owner: '',
  class: 'default',
  criticality: 'medium',
  site: null,
  gateway: null,
  encoding: null,
  modes: [],
  packetBytesMax: null,
  slots: null,
  cohort: null,
};

export interface Changed {
  readonly id: PrincipalId;
  readonly fields: readonly string[];
  readonly to: Told;
  /** Whose it was, where it is taken over: another source's; null: it was entered by hand. */
  readonly from?: string | null;
}

export interface Difference {
  /** In the source alone, as far as was looked: the inventory may have them from elsewhere. */
  readonly added: readonly Told[];
  readonly changed: readonly Changed[];
  /** In the inventory, from this source, and gone from it or decommissioned in it. */
  readonly decommissioned: readonly PrincipalId[];
  readonly unchanged: number;
  /** Of how many that are to be changed each field is to be what it is where nothing is said of it, and is something else here. */
  readonly emptied: ReadonlyMap<string, number>;
}

/** Holds what the source tells against what it brought before, one principal after another. */
export class Comparison {
  /** Null: compared already. */
  readonly #told: Map<PrincipalId, Told | null>;
  readonly #changed: Changed[] = [];
  readonly #decommissioned: PrincipalId[] = [];
  readonly #emptied = new Map<string, number>();
  #unchanged = 0;

  /** `told` is used up: of a fleet there is no room for two. */
  constructor(told: Map<PrincipalId, Told>) {
    this.#told = told as Map<PrincipalId, Told | null>;
  }

  /** A principal this source brought that is not decommissioned; each once. */
  take(principal: Principal): void {
    const row = this.#told.get(principal.id);
    if (row) this.#told.set(principal.id, null);
    if (!row || row.status === 'decommissioned') {
      this.#decommissioned.push(principal.id);
      return;
    }
    const fields = row.status === 'ignored' ? [] : differing(principal, row);
    if (fields.length === 0) {
      this.#unchanged += 1;
      return;
    }
    this.#changed.push({ id: principal.id, fields, to: row });
    for (const name of fields) {
      if (isBlank(row, name)) this.#emptied.set(name, (this.#emptied.get(name) ?? 0) + 1);
    }
  }

  /** The difference, once everything the source brought was taken. */
  end(): Difference {
    const added: Told[] = [];
    for (const row of this.#told.values()) if (row && (row.status ?? 'active') === 'active') added.push(row);
    return {
      added,
      changed: this.#changed,
      decommissioned: this.#decommissioned,
      unchanged: this.#unchanged,
      emptied: this.#emptied,
    };
  }
}

function isBlank(row: Told, name: string): boolean {
  return JSON.stringify(row[name as keyof Told]) === JSON.stringify(blank[name as keyof typeof blank]);
}

/** The fields in which a principal is other than the source has it, by name. */
export function differing(principal: Principal, row: Told): string[] {
  const fields: string[] = [];
  for (const name of Object.keys(row)) {
    if (name === 'id' || name === 'status') continue;
    const value = row[name as keyof Told];
    const known = principal[name as keyof Principal];
    if (value === undefined || value === known) continue;
    // Most rows agree, and most values are no lists: only what is left is written out to be compared.
    if (JSON.stringify(value) !== JSON.stringify(known)) fields.push(name);
  }
  return fields;
}

/** The principal with what the source says of it. */
export function withTold(principal: Principal, { status: _status, ...row }: Told): Principal {
  return { ...principal, ...Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) };
}

/** Devices a source has lost, and when. */
export interface Loss {
  readonly at: Instant;
  readonly count: number;
}

/** Losses within so long are kept as one: a day has 1,440 at most, and of each some forget a minute too early. */
const lossesTogetherMs = 60_000;

/**
 * Those that still count at `now`: of the day before it, the oldest first. A source that bleeds is no better than one that fell. What
 * lies ahead, because the clock was set back, counts as of now.
 */
export function lately(losses: readonly Loss[], now: Instant): readonly Loss[] {
  return losses.map(({ at, count }) => ({ at: Math.min(at, now), count })).filter(({ at }) => now < at + dayMs);
}

/** Losses with some more. */
export function withLosses(losses: readonly Loss[], count: number, now: Instant): readonly Loss[] {
  const known = lately(losses, now);
  const last = known.at(-1);
  if (count === 0) return known;
  if (!last || now >= last.at + lossesTogetherMs) return [...known, { at: now, count }];
  return [...known.slice(0, -1), { at: last.at, count: last.count + count }];
}

/**
 * Does the source lack so much of what it brought before, devices or a field of them, that it is more likely wrong than right?
 * @param known how many it brought that are not decommissioned.
 * @param missingShareMax from 0 to 1; one device of few is never too much.
 * @param earlier how many it has lost already that count still.
 * @returns the reasons, or null.
 */
export function objectToLoss(
  difference: Difference,
  known: number,
  missingShareMax: number,
  earlier = 0,
): string | null {
  const isTooMuch = (count: number, of: number): boolean => count > 1 && count > of * missingShareMax;
  const reasons: string[] = [];
  const missing = difference.decommissioned.length;
  if (missing > 0 && isTooMuch(missing + earlier, known + earlier)) {
    const before = earlier > 0 ? `, and ${earlier} before within a day` : '';
    reasons.push(`lacks ${missing} of ${known} devices${before}`);
  }
  for (const [name, count] of difference.emptied) {
    if (isTooMuch(count, known)) reasons.push(`empties ${name} of ${count} of ${known} devices`);
  }
  if (reasons.length === 0) return null;
  return `the source ${reasons.join(' and ')}, more than ${Math.round(missingShareMax * 100)}%`;
}
