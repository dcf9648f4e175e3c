// Who will not have proved the next root in time, and by when the others will have: what the last walk over those that have not proved it
// has found. A walk over a large fleet takes a while; until it has ended the figures of the one before are given, with their age.
import type { RootSlot } from '../../domain/root-slots.ts';
import type { Instant } from '../../domain/time.ts';
import { type LateOwner, otherOwners } from '../../domain/trust-late.ts';
import type { UnprovedReason } from '../../domain/trust-proof.ts';
import { ProofDates, type Rollover } from '../../domain/trust-shares.ts';
import type { WithChores } from '../chores.ts';
import { type ForeseeProofsContext, foreseeProofs } from './foresee-proofs.ts';

export type ProofOutlookContext = ForeseeProofsContext & WithChores;

/** For how many times as long as it took a walk is not made again: it has a twentieth of the time at most. */
const restFactor = 20;
/** A walk that took less than this is made again for whoever asks. */
const cheapMs = 1_000;
/** Owners told apart; those of further ones are counted together. */
const ownersMax = 1_000;
/** Of each owner so many are named. */
const namedMax = 3;

const walking = 'the forecast of proofs';

export interface ProofsAhead {
  /** The number of the root that is to be proved. */
  readonly root: number;
  /** When the root before it ends. */
  readonly endsAt: Instant;
  readonly at: Instant;
  readonly dates: ProofDates;
  /** Of those that gate, who never connected. */
  readonly neverConnected: number;
  /** Those whose last CONNECT was under the root before. */
  readonly onOldPort: number;
  readonly late: number;
  readonly reasons: LateOwner['reasons'];
  /** By name as in the inventory; '': those without one. */
  readonly owners: ReadonlyMap<string, LateOwner>;
}

interface Known extends ProofsAhead {
  /** Of the steady clock, and how long it took. */
  readonly endedAt: number;
  readonly tookMs: number;
}

export class ProofOutlook {
  readonly #app: ProofOutlookContext;
  #known: Known | null = null;

  constructor(app: ProofOutlookContext) {
    this.#app = app;
  }

  /** For whoever asks: as it is now where the fleet is small, else as it was a short while ago; null: no walk has ended in `patienceMs`. */
  async now(rollover: Rollover, patienceMs: number): Promise<ProofsAhead | null> {
    const isCheap = (this.#known?.tookMs ?? 0) < cheapMs;
    if (isCheap || !this.#isRecent(rollover, 0)) await within(patienceMs, this.#walkAfter(rollover));
    return this.#of(rollover);
  }

  /**
   * For who looks again and again: what the last walk has found, if there was one. Another is begun where that is older than `everyMs`.
   * @param patienceMs how long that is waited for.
   */
  async lately(rollover: Rollover, everyMs: number, patienceMs: number): Promise<ProofsAhead | null> {
    if (!this.#isRecent(rollover, everyMs)) await within(patienceMs, this.#walk(rollover));
    return this.#of(rollover);
  }

  #of({ leaves, towards }: Rollover): ProofsAhead | null {
    const known = this.#known;
    return known?.root === towards.number && known.endsAt === leaves.notAfter ? known : null;
  }

  #isRecent(rollover: Rollover, everyMs: number): boolean {
    const known = this.#known;
    if (!known || !this.#of(rollover)) return false;
    return this.#app.clock.steady() < known.endedAt + Math.max(everyMs, known.tookMs * restFactor);
  }

  /** The walk that is under way may have passed what has changed since. */
  async #walkAfter(rollover: Rollover): Promise<void> {
    await this.#app.chores.ended(walking);
    await this.#walk(rollover);
  }

  async #walk(rollover: Rollover): Promise<void> {
    const { chores } = this.#app;
    const run = chores.begin(walking, (signal) => walk(this.#app, rollover, signal));
    const known = await (run ?? chores.ended(walking));
    if (known) this.#known = known;
  }
}

/** Resolves with the work, or when patience ends. Who does not wait for it does not hear what it fails with; whoever asks next begins another. */
async function within(patienceMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  try {
    await Promise.race([work, patience]);
  } finally {
    clearTimeout(timer);
  }
  work.catch(() => undefined);
}

type Own = { count: number; reasons: Partial<Record<UnprovedReason, number>>; first: string[] };

const newOwn = (): Own => ({ count: 0, reasons: {}, first: [] });

function add(own: Own, id: string, reason: UnprovedReason): void {
  own.count += 1;
  own.reasons[reason] = (own.reasons[reason] ?? 0) + 1;
  if (own.first.length < namedMax) own.first.push(id);
}

/** Null: it was ended early. */
async function walk(
  app: ProofOutlookContext,
  { leaves, towards }: Rollover<RootSlot>,
  signal: AbortSignal,
): Promise<Known | null> {
  const began = app.clock.steady();
  const at = app.clock.now();
  const endsAt = leaves.notAfter;
  const dates = new ProofDates(at, endsAt);
  const all = newOwn();
  const owners = new Map<string, Own>();
  let [neverConnected, onOldPort] = [0, 0];
  const query = { root: towards.number, endsAt, toldFrom: towards.distributedAt, signal };
  for await (const { id, owner, last, gates, reason, by } of foreseeProofs(app, query)) {
    if (last === leaves.number) onOldPort += 1;
    if (!gates) continue;
    if (last === 0) neverConnected += 1;
    if (reason === null) {
      if (by !== null) dates.add(by);
      continue;
    }
    add(all, id, reason);
    const known = owner.trim() === '' ? '' : owner;
    const name = owners.has(known) || owners.size < ownersMax ? known : otherOwners;
    const own = owners.get(name) ?? newOwn();
    owners.set(name, own);
    add(own, id, reason);
  }
  if (signal.aborted) return null;
  const endedAt = app.clock.steady();
  const counted = { late: all.count, reasons: all.reasons, owners, neverConnected, onOldPort };
  return { root: towards.number, endsAt, at, dates, ...counted, endedAt, tookMs: endedAt - began };
}

export interface WithProofs {
  readonly proofs: ProofOutlook;
}
