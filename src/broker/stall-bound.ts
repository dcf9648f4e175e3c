// Bounds how long anybody waits for a socket that is full. aedes reads on from a publisher only when each reader of its
// message has room again; here a reader that stopped reading holds it up for a moment, and is disconnected by aedes later.
import type { BrokerClient, DrainCallback } from './aedes-internals.ts';

const ticksPerStall = 4;

export class StallBound {
  /** Each wait with the tick it began at, the oldest first. */
  readonly #waits = new Map<() => void, number>();
  readonly #tickMs: number;
  /** Runs while anybody waits, and for one tick more. */
  #timer: NodeJS.Timeout | undefined;
  #tick = 0;

  /** A wait ends after `stallMs`, or up to a quarter more: one timer serves all. */
  constructor(stallMs: number) {
    this.#tickMs = Math.max(1, stallMs / ticksPerStall);
  }

  apply(client: BrokerClient): void {
    const waitForDrain = client.waitForDrain.bind(client);
    client.waitForDrain = (callback) => waitForDrain(this.#bounded(client, callback));
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The callback, to be called once: by whoever comes first, the drain or the bound. */
  #bounded(client: BrokerClient, callback: DrainCallback): DrainCallback {
    const giveUp = (): void => settle(null);
    const settle = (error: Error | null): void => {
      if (this.#waits.delete(giveUp)) callback(error, client);
    };
    this.#waits.set(giveUp, this.#tick);
    this.#timer ??= setInterval(() => this.#release(), this.#tickMs).unref();
    return settle;
  }

  #release(): void {
    if (this.#waits.size === 0) this.stop();
    this.#tick += 1;
    for (const [giveUp, since] of this.#waits) {
      if (this.#tick - since <= ticksPerStall) return;
      giveUp();
    }
  }
}
