// Messages of one topic stay in order [MQTT-4.6.0-6] although only some of them wait for the store.
import { nextTurn, settled } from './mqtt-packet.ts';

export class TopicOrder {
  readonly #last = new Map<string, Promise<void>>();

  /** Resolves once every message of this topic that is waiting has gone on. */
  behind(topic: string): Promise<void> {
    if (this.#last.size === 0) return settled;
    const last = this.#last.get(topic);
    return last ? this.pass(topic, last.then(nextTurn, nextTurn)) : settled;
  }

  /** Those that come later wait for `going`. */
  pass(topic: string, going: Promise<void>): Promise<void> {
    this.#last.set(topic, going);
    const gone = (): void => {
      if (this.#last.get(topic) === going) this.#last.delete(topic);
    };
    going.then(gone, gone);
    return going;
  }
}
