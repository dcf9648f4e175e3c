// The bytes of a connection on their way to TLS, as long as nobody knows who is there: no more of them than a handshake needs, each
// chunk when its turn has come, and the time it costs added up. Afterwards they pass as they come.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { HandshakeTurns } from './handshake-turns.ts';

export interface WatchRules {
  readonly turns: HandshakeTurns;
  /** Whose account the handshake is on. */
  readonly block: string;
  /** Bytes that a client may send before its handshake is complete; with more the connection ends. */
  readonly bytesMax: number;
}

export class WatchedStream extends Duplex {
  readonly #socket: Socket;
  readonly #rules: WatchRules;
  #bytes = 0;
  #spentMs = 0;
  #isComplete = false;
  /** Does a chunk wait for its turn? */
  #isWaiting = false;
  /** Forgets it. */
  #forget: () => void = () => undefined;

  constructor(socket: Socket, rules: WatchRules) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#rules = rules;
    // A client may close its side behind what it sent: that is read to its end and answered, as if nobody stood between.
    socket.allowHalfOpen = true;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.once('end', () => {
      if (this.#isComplete) this.push(null);
      else this.destroy();
    });
    socket.once('error', (error) => this.destroy(error));
    socket.once('close', () => this.destroy());
  }

  /** Milliseconds of the event loop that the handshake has cost so far. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /** The handshake is complete. */
  complete(): void {
    this.#isComplete = true;
  }

  #take(chunk: Buffer): void {
    if (this.#isComplete) {
      if (!this.push(chunk)) this.#socket.pause();
      return;
    }
    this.#socket.pause();
    this.#isWaiting = true;
    this.#forget = this.#rules.turns.take(this.#rules.block, chunk.length, () => this.#step(chunk), this.#bytes > 0);
  }

  /** Gives TLS what a handshake may have. What comes in the same chunk after its end, such as CONNECT, is not of it. */
  #step(chunk: Buffer): void {
    this.#isWaiting = false;
    if (this.destroyed) return;
    const since = performance.now();
    const part = chunk.subarray(0, this.#rules.bytesMax - this.#bytes);
    this.#bytes += part.length;
    if (part.length > 0) this.push(part);
    this.#spentMs += performance.now() - since;
    const rest = chunk.subarray(part.length);
    if (rest.length > 0 && !this.#isComplete) {
      this.destroy(new Error(`more than ${this.#rules.bytesMax} bytes before the handshake was complete`));
      return;
    }
    if (rest.length > 0) this.push(rest);
    this.#socket.resume();
  }

  override _read(): void {
    if (!this.#isWaiting) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#socket.write(chunk, callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    const last = chunks.length - 1;
    this.#socket.cork();
    for (const [at, { chunk }] of chunks.entries()) {
      if (at === last) this.#socket.write(chunk, callback);
      else this.#socket.write(chunk);
    }
    this.#socket.uncork();
  }

  override _final(callback: () => void): void {
    this.#socket.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#forget();
    this.#socket.destroy();
    callback(error);
  }
}
