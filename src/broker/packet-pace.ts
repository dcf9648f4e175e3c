// How fast the packets of one connection are taken: so many in a turn of the event loop, so that everybody has turns, and so many a
// second. What comes faster stays in its socket: the sender is held up by TCP, and loses nothing.

/** Packets handed on in one turn. The dearest that needs no store, PUBREL, takes some tens of microseconds. */
const packetsPerTurn = 128;
/** Once the rate is exceeded, packets are handed on so often, as many as have become due. */
const restMs = 10;

/** One turn of the event loop. */
export interface LoopTurn {
  /** When it began, in milliseconds of a clock that only goes forward. */
  readonly at: number;
}

/** The turns of the event loop in which anybody asks, for all connections: each asks at every read. */
export class LoopTurns {
  #current: LoopTurn | null = null;

  /** The same object for all of a turn. */
  get current(): LoopTurn {
    if (this.#current === null) {
      this.#current = { at: performance.now() };
      setImmediate(() => {
        this.#current = null;
      });
    }
    return this.#current;
  }
}

export class PacketPace {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #turns: Pick<LoopTurns, 'current'>;
  #turn: LoopTurn;
  #leftInTurn = packetsPerTurn;
  /** Packets that may come at once, as of the beginning of the turn. */
  #tokens: number;

  /** After a time of quiet, the packets of a whole second may come at once. */
  constructor(packetsPerSecond: number, turns: Pick<LoopTurns, 'current'>) {
    this.#perMs = packetsPerSecond / 1_000;
    this.#burst = packetsPerSecond;
    this.#tokens = this.#burst;
    this.#turns = turns;
    this.#turn = turns.current;
  }

  /** When something was read last: the beginning of that turn. */
  get readAt(): number {
    return this.#turn.at;
  }

  /** How many packets may be handed on now, after the rest that `take` asked for: one at least. */
  get allowance(): number {
    const turn = this.#turns.current;
    if (turn !== this.#turn) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (turn.at - this.#turn.at) * this.#perMs);
      this.#leftInTurn = packetsPerTurn;
      this.#turn = turn;
    }
    return Math.max(1, Math.floor(Math.min(this.#leftInTurn, this.#tokens)));
  }

  /** So many were handed on. Milliseconds to rest before more are: 0 until the next turn, null not at all. */
  take(packets: number): number | null {
    this.#tokens -= packets;
    this.#leftInTurn -= packets;
    if (this.#tokens < 1) return Math.max(restMs, Math.ceil((1 - this.#tokens) / this.#perMs));
    return this.#leftInTurn > 0 ? null : 0;
  }
}
