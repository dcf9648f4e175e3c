// How fast the packets of one connection are taken: within what its principal may cause in a turn of the event loop, and so many a
// second. What comes faster stays in its socket: the sender is held up by TCP, and loses nothing.

import { costOfBytes, costs } from '../domain/costs.ts';
import type { Budget } from './budget.ts';
import type { LoopTurn, LoopTurns } from './loop-turns.ts';

/** Once the rate is exceeded, packets are handed on so often, as many as have become due. */
const restMs = 10;

export class PacketPace {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #turns: Pick<LoopTurns, 'current'>;
  #turn: LoopTurn;
  /** Packets that may come at once, as of the beginning of the turn. */
  #tokens: number;
  readonly #budgetOf: () => Budget | undefined;
  #known: Budget | undefined;

  /**
   * After a time of quiet, the packets of a whole second may come at once.
   * @param budgetOf its principal's, asked until there is one: before that a packet at a time comes.
   */
  constructor(packetsPerSecond: number, turns: Pick<LoopTurns, 'current'>, budgetOf: () => Budget | undefined) {
    this.#budgetOf = budgetOf;
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

  /** Where nothing may be read now: what calls back when something may be. Null: it may. */
  get hold(): ((goOn: () => void) => void) | null {
    const budget = this.#budget;
    return budget === undefined || budget.mayGo ? null : (goOn) => budget.wait(goOn);
  }

  /** How many packets may be handed on now, after the rest that `take` asked for: one at least. */
  get allowance(): number {
    const turn = this.#turns.current;
    if (turn !== this.#turn) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (turn.at - this.#turn.at) * this.#perMs);
      this.#turn = turn;
    }
    const inTurn = this.#budget ? this.#budget.left / costs.packet : 1;
    return Math.max(1, Math.floor(Math.min(inTurn, this.#tokens)));
  }

  /** So many were handed on, of so many bytes. Milliseconds to rest before more are; null: the rate allows more. */
  take(packets: number, bytes: number): number | null {
    this.#tokens -= packets;
    this.#budget?.spend(packets * costs.packet + costOfBytes(bytes));
    return this.#tokens < 1 ? Math.max(restMs, Math.ceil((1 - this.#tokens) / this.#perMs)) : null;
  }
  get #budget(): Budget | undefined {
    this.#known ??= this.#budgetOf();
    return this.#known;
  }
}
