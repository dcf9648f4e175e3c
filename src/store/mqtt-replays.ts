// Retained messages on their way to new subscriptions. Who asks for all that there are, again and again, keeps itself waiting and
// nobody else: of one client there is one replay at a time, which reads a page in a turn of the event loop.
import { Readable } from 'node:stream';
import { GatewayError } from '../domain/errors.ts';
import type { PublishPacket } from './mqtt-packet.ts';
import type { MqttRetained } from './mqtt-retained.ts';

/** Filters of one client that wait for their replay; what is asked for beyond is not replayed. */
export const replaysWaitingMax = 1_000;

/** A client as far as a replay looks at it. */
export interface Subscriber {
  readonly closed: boolean;
}

interface Lane {
  readonly waiting: Set<string>;
  /** Settles when the last of its replays has ended. */
  last: Promise<void>;
}

export class MqttReplays {
  readonly #retained: MqttRetained;
  readonly #lanes = new WeakMap<Subscriber, Lane>();

  constructor(retained: MqttRetained) {
    this.#retained = retained;
  }

  /**
   * What matches these filters, for a client, or for nobody that is known. A filter that waits already is replayed once for both.
   * `failed` is told when it cannot be read: aedes listens for no error, and one that nobody hears ends the process.
   */
  stream(to: Subscriber | null, filters: readonly string[], failed: (error: GatewayError) => void): Readable {
    const stream = Readable.from(to ? this.#inTurn(to, filters) : this.#retained.matching(filters));
    stream.on('error', (cause) => {
      failed(new GatewayError('store_failed', `retained messages could not be read: ${cause.message}`, cause));
    });
    return stream;
  }

  #inTurn(to: Subscriber, filters: readonly string[]): AsyncIterable<PublishPacket> | [] {
    let lane = this.#lanes.get(to);
    if (!lane) {
      lane = { waiting: new Set(), last: Promise.resolve() };
      this.#lanes.set(to, lane);
    }
    const { waiting } = lane;
    const fresh = filters.filter((filter) => !waiting.has(filter)).slice(0, replaysWaitingMax - waiting.size);
    if (fresh.length === 0) return [];
    for (const filter of fresh) waiting.add(filter);
    const before = lane.last;
    let end = (): void => undefined;
    lane.last = new Promise((resolve) => {
      end = resolve;
    });
    const begun = before.then(() => {
      // Who asks from now on has it once more [MQTT-3.8.4-3].
      for (const filter of fresh) waiting.delete(filter);
    });
    return this.#replay(to, fresh, begun, end);
  }

  async *#replay(
    to: Subscriber,
    filters: readonly string[],
    begun: Promise<void>,
    ended: () => void,
  ): AsyncGenerator<PublishPacket> {
    try {
      await begun;
      for await (const packet of this.#retained.matching(filters)) {
        if (to.closed) return;
        yield packet;
      }
    } finally {
      ended();
    }
  }
}
