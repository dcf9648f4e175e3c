// Who goes back and forth between the ports of two roots: each change would be a row and a line. Some are kept one by one; after that they
// are counted, and the proof stays open until the principal has kept to one root for a while. Times are of a clock that only goes forward.
import { dayMs } from './time.ts';
import { hourMs } from './trust-told.ts';

/** So many reopened proofs within {@link reopeningsWithinMs} are kept one by one, with the proofs before them. */
export const reopeningsMax = 3;
export const reopeningsWithinMs = dayMs;
/** Whoever has kept to one root for so long has settled. */
export const settledAfterMs = hourMs;
/** Who does not settle is told of once in so long. */
export const unsettledToldMs = dayMs;

/** What is remembered of somebody who has gone back to an older root. */
export interface RootChanges {
  /** When, of late: {@link reopeningsMax} at most, the newest last. */
  readonly reopened: readonly number[];
  /** The root under which it came last. */
  readonly root: number;
  /** Null: each change is kept. Otherwise what was kept last has the proof open. */
  readonly held: {
    /** Changes since, which were not kept. */
    readonly count: number;
    readonly since: number;
    readonly changedAt: number;
  } | null;
}

export interface Came {
  /** Null: nothing need be remembered. */
  readonly changes: RootChanges | null;
  /** Is it to be kept, where it is news? */
  readonly isKept: boolean;
}

/**
 * After a CONNECT under a root. One under an older root than is kept always counts: it has the proof open.
 * @param last the root that is kept.
 */
export function afterCame(known: RootChanges | null, last: number, root: number, now: number): Came {
  if (known?.held) {
    const { held } = known;
    const isKept = root <= last;
    if (root === known.root) return { changes: known, isKept };
    const count = root < last ? held.count : held.count + 1;
    return { changes: { ...known, root, held: { ...held, count, changedAt: now } }, isKept };
  }
  if (root >= last) return { changes: known && { ...known, root }, isKept: true };
  const lately = (known?.reopened ?? []).filter((at) => now - at < reopeningsWithinMs);
  const reopened = [...lately, now].slice(-reopeningsMax);
  const held = reopened.length >= reopeningsMax ? { count: 0, since: now, changedAt: now } : null;
  return { changes: { reopened, root, held }, isKept: true };
}

export interface Settling {
  /** Null: nothing need be remembered any more. */
  readonly changes: RootChanges | null;
  /** Changes to be told of, which were not kept; 0: none. */
  readonly told: number;
  /** The root that it has settled with, as if it connected under it now; null: it has not, or its changes were kept. */
  readonly settled: number | null;
}

/** After a while in which nothing need have happened. */
export function afterWhile(known: RootChanges, now: number): Settling {
  const { reopened, root, held } = known;
  if (held && now - held.changedAt >= settledAfterMs) {
    return { changes: { ...known, held: null }, told: held.count, settled: root };
  }
  if (held && now - held.since >= unsettledToldMs && held.count > 0) {
    return { changes: { ...known, held: { ...held, count: 0, since: now } }, told: held.count, settled: null };
  }
  const isOver = held === null && reopened.every((at) => now - at >= reopeningsWithinMs);
  return { changes: isOver ? null : known, told: 0, settled: null };
}
