// Which kept sessions end again and again with the first message of their queue unanswered. In memory: after a restart it is found anew.
import { afterUntakenEnd, holdsMax, isGivenUp, type Untaken, type UntakenEnd } from '../../domain/untaken.ts';

/** Sessions remembered; the one that ended longest ago is forgotten. */
const rememberedMax = 20_000;

export class MqttUntaken {
  /** By client id. */
  readonly #known = new Map<string, Untaken>();

  /** Is its queue to be sent with care? */
  isSuspected(clientId: string): boolean {
    return this.#known.has(clientId);
  }

  /** May its queue be held back once more? Counted. */
  mayHold(clientId: string): boolean {
    const known = this.#known.get(clientId);
    if (!known || known.holds >= holdsMax) return false;
    this.#known.set(clientId, { ...known, holds: known.holds + 1 });
    return true;
  }

  /** It has acknowledged something of its queue. */
  forget(clientId: string): void {
    this.#known.delete(clientId);
  }

  /** @returns whether the message is to be dropped: it is given up. */
  ended(clientId: string, end: UntakenEnd): boolean {
    const after = afterUntakenEnd(this.#known.get(clientId) ?? null, end);
    this.#known.delete(clientId);
    if (!after) return false;
    if (isGivenUp(after)) return true;
    this.#known.set(clientId, after);
    const oldest = this.#known.size > rememberedMax ? this.#known.keys().next() : null;
    if (oldest && !oldest.done) this.#known.delete(oldest.value);
    return false;
  }
}
