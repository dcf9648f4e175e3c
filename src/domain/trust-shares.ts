// How far a fleet is on its way to the next root: how many are offered it, keep it and have proved it, and by when how large a share will
// have. Who holds up an activation is decided in trust-record.ts, and when each will have proved in trust-proof.ts.
import { currentRoot, inState, type RootSlot, rootToLeave } from './root-slots.ts';
import type { Instant } from './time.ts';

/** The root that is about to be left, and the one that everybody is to have proved by its end. */
export interface Rollover<S extends RootSlot = RootSlot> {
  readonly leaves: S;
  readonly towards: S;
}

/** Null: no rollover is under way. */
export function rolloverOf<S extends RootSlot>(slots: readonly S[]): Rollover<S> | null {
  const leaving = rootToLeave(slots)?.number;
  const leaves = slots.find(({ number }) => number === leaving);
  if (!leaves) return null;
  const towards = leaves.state === 'former' ? currentRoot(slots) : inState(slots, 'next');
  return towards && { leaves, towards };
}

/** A count as the ledger keeps it: so many in service of whom this is the newest that is so. */
export interface CountedWay {
  readonly measure: 'in_service' | 'offered' | 'stored' | 'last';
  /** The root that it is about; 0 of those in service. */
  readonly root: number;
  readonly gates: boolean;
  readonly count: number;
}

/** Principals in service that ever had a certificate. */
export interface Shares {
  readonly inService: number;
  /** Those that have to prove the root before it is activated; the others are behind site gateways and never connected themselves. */
  readonly gating: number;
  /** At least as far as that. */
  readonly offered: number;
  readonly stored: number;
  readonly proved: number;
  /** Of those that gate, who has not proved it. */
  readonly unproved: number;
}

/** The shares of one root in what was counted. */
export function sharesOf(counts: Iterable<CountedWay>, root: number): Shares {
  let [inService, gating, offered, stored, proved, gatingProved] = [0, 0, 0, 0, 0, 0];
  for (const { measure, root: about, gates, count } of counts) {
    if (measure === 'in_service') {
      inService += count;
      if (gates) gating += count;
    } else if (measure === 'last') {
      // Whoever has proved a newer one needs the older no more.
      if (about < root) continue;
      proved += count;
      if (gates) gatingProved += count;
    } else if (about === root) {
      if (measure === 'stored') stored += count;
      else offered += count;
    }
  }
  return {
    inService,
    gating,
    offered: offered + stored + proved,
    stored: stored + proved,
    proved,
    unproved: gating - gatingProved,
  };
}

/** Steps into which the time until the end is divided: a root of twenty years is told to two days. */
const stepsMax = 4_096;
const stepLeastMs = 1_000;

/** The dates by which principals are expected to have proved a root, in no more room than its steps take. */
export class ProofDates {
  readonly #now: Instant;
  readonly #stepMs: number;
  readonly #counts: Uint32Array;

  /** Dates from `now` to `endsAt` are told apart; what comes after that is too late. */
  constructor(now: Instant, endsAt: Instant) {
    this.#now = now;
    const aheadMs = Math.max(0, endsAt - now);
    this.#stepMs = Math.max(stepLeastMs, aheadMs / stepsMax);
    this.#counts = new Uint32Array(Math.ceil(aheadMs / this.#stepMs) + 1);
  }

  /** One more will have by then. */
  add(by: Instant): void {
    const step = Math.ceil(Math.max(0, by - this.#now) / this.#stepMs);
    const count = this.#counts[step];
    if (count !== undefined) this.#counts[step] = count + 1;
  }

  /** When so many of them will have, at the latest; null: not before the end. */
  whenMore(wanted: number): Instant | null {
    let sum = 0;
    for (const [step, count] of this.#counts.entries()) {
      sum += count;
      if (sum >= wanted) return Math.ceil(this.#now + step * this.#stepMs);
    }
    return null;
  }
}

/** When this share of those that gate will have proved the root; null: not before the one before it ends. */
export function whenProved(dates: ProofDates, { gating, unproved }: Shares, share: number): Instant | null {
  return dates.whenMore(Math.ceil(gating * share) - (gating - unproved));
}
