// How fast the packets of one connection are taken: so many in a turn of the event loop, so that everybody has turns, and so many a
// second. What comes faster stays in its socket: the sender is held up by TCP, and loses nothing.

/** Packets handed on in one turn. The dearest that needs no store, PUBREL, takes some tens of microseconds. */
const packetsPerTurn = 128;
/** Once the rate is exceeded, packets are handed on so often, as many as have become due. */
const restMs = 10;

export class PacketPace {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #now: () => number;
  /** Packets that may still come at once, as of `at`. */
  #tokens: number;
  #at: number;
  #leftInTurn = packetsPerTurn;

  /** After a time of quiet, the packets of a whole second may come at once. `now` is steady, in milliseconds. */
  constructor(packetsPerSecond: number, now: () => number = () => performance.now()) {
    this.#perMs = packetsPerSecond / 1_000;
    this.#burst = packetsPerSecond;
    this.#tokens = this.#burst;
    this.#now = now;
    this.#at = now();
  }

  /** How many packets may be handed on now, after the rest that `take` asked for: one at least. */
  get allowance(): number {
    const now = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    return Math.max(1, Math.floor(Math.min(this.#leftInTurn, this.#tokens)));
  }

  /** So many were handed on. Milliseconds to rest before more are: 0 until the next turn, null not at all. */
  take(packets: number): number | null {
    this.#tokens -= packets;
    this.#leftInTurn -= packets;
    if (this.#tokens >= 1 && this.#leftInTurn > 0) return null;
    this.#leftInTurn = packetsPerTurn;
    return this.#tokens >= 1 ? 0 : Math.max(restMs, Math.ceil((1 - this.#tokens) / this.#perMs));
  }
}
