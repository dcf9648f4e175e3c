// Answers that a client does not read: each takes far more memory than its few bytes, and a client that goes on asking would have the
// broker keep them without end. A client that reads has at most as many on their way as it has identifiers for [MQTT-2.3.1-2], and in
// practice some hundred.
import type { Writable } from 'node:stream';
import type { BrokerClient } from './aedes-internals.ts';
import type { SessionRegistry } from './session-registry.ts';

/** Answers that wait for a client that has fallen behind. They take some 200 bytes each. */
export const answersUnreadMax = 8_192;
/** So many bytes wait when it has: before, they are on their way, and nothing is counted. */
const behindBytes = 65_536;

export class UnreadAnswers {
  readonly #stream: Writable;
  readonly #onTooMany: () => void;
  #waiting = 0;
  #told = false;
  readonly #sent = (): void => {
    this.#waiting -= 1;
  };

  /** @param onTooMany is called once; what is answered afterwards is thrown away. */
  constructor(stream: Writable, onTooMany: () => void) {
    this.#stream = stream;
    this.#onTooMany = onTooMany;
  }

  /** Is the client so far behind that what it is answered is to be counted? */
  get isBehind(): boolean {
    return this.#stream.writableLength > behindBytes;
  }

  /** Writes an answer to a client that is behind. @returns as a stream's own `write` does. */
  write(bytes: Uint8Array): boolean {
    if (this.#waiting >= answersUnreadMax) {
      if (!this.#told) this.#onTooMany();
      this.#told = true;
      return false;
    }
    this.#waiting += 1;
    return this.#stream.write(bytes, this.#sent);
  }
}

/** Ends the session of a client that asks and does not read what it is answered. */
export function endUnread(registry: SessionRegistry, client: BrokerClient): void {
  const live = registry.of(client);
  if (live) registry.end(live, 'slow_reader');
  else client.conn.destroy();
}
