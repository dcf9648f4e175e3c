// What one peer can bring about as often as it likes is told a few times, and then once a second for all of that second: a
// flood costs its maker its answers, and nobody the log. It folds lines only; counts are kept elsewhere, one for each.
import type { Decision } from '../ports/decision-log.ts';

/** Lines told at once, for each peer and kind; one more for each second since. */
const burst = 20;
const everyMs = 1_000;
/** Floods followed at a time; the one that was quiet for longest is followed no further. */
const floodsMax = 10_000;

/** Whose doing a decision is, the first of these that it names: what the peer could not make up comes first. */
const makers = ['nolapse.gateway', 'nolapse.principal', 'client.address', 'source.ip', 'nolapse.client_id'] as const;

interface Flood {
  tokens: number;
  at: number;
  folded: number;
  last: Decision;
}

/** How many decisions a line stands for, where it is more than one. */
const foldedField = 'nolapse.folded_count';

export class Folds {
  readonly #write: (decision: Decision) => void;
  readonly #floods = new Map<string, Flood>();
  readonly #folding = new Set<Flood>();
  #timer: NodeJS.Timeout | null = null;

  constructor(write: (decision: Decision) => void) {
    this.#write = write;
  }

  /** Writes the decision now, or within a second together with those like it. */
  tell(decision: Decision): void {
    const now = performance.now();
    const flood = this.#floodOf(decision, now);
    flood.tokens = Math.min(burst, flood.tokens + (now - flood.at) / everyMs);
    flood.at = now;
    flood.last = decision;
    if (flood.tokens >= 1 && flood.folded === 0) {
      flood.tokens -= 1;
      this.#write(decision);
      return;
    }
    flood.folded += 1;
    this.#folding.add(flood);
    this.#timer ??= setTimeout(() => this.#writeFolded(), everyMs).unref();
  }

  #floodOf(decision: Decision, now: number): Flood {
    const by = makers.find((name) => decision.fields?.[name] != null);
    // A principal and an address may read the same, and a client id may hold anything.
    const key = JSON.stringify([decision.action, decision.reason, by, by && decision.fields?.[by]]);
    const flood = this.#floods.get(key) ?? { tokens: burst, at: now, folded: 0, last: decision };
    this.#floods.delete(key);
    this.#floods.set(key, flood);
    const oldest = this.#floods.size > floodsMax ? this.#floods.keys().next() : null;
    if (oldest && !oldest.done) this.#floods.delete(oldest.value);
    return flood;
  }

  #writeFolded(): void {
    this.#timer = null;
    for (const flood of this.#folding) {
      const { last, folded } = flood;
      flood.folded = 0;
      this.#write({ ...last, fields: { ...last.fields, [foldedField]: folded } });
    }
    this.#folding.clear();
  }
}
