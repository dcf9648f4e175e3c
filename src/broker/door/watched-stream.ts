// The bytes of a connection on their way to TLS, as long as nobody knows who is there: each chunk when its turn has come, no more of
// them than a handshake needs until it is complete, and the time they cost added up. Of somebody known they pass as they come.
import type { Socket } from 'node:net';
import { PassingStream } from '../../pacing/passing-stream.ts';
import type { Turns } from '../../pacing/turns.ts';

export interface WatchRules {
  readonly turns: Turns;
  /** For what comes after the handshake. */
  readonly laterTurns: Turns;
  /** Whose account the handshake is on. */
  readonly block: string;
  /** Bytes that a client may send before its handshake is complete; with more the connection ends. */
  readonly bytesMax: number;
}

export class WatchedStream extends PassingStream {
  readonly #rules: WatchRules;
  #bytes = 0;
  #spentMs = 0;
  #isComplete = false;
  #isTrusted = false;
  /** Has the client closed its side? That comes while a chunk waits, too. */
  #hasEnded = false;
  /** The chunk that waits for its turn. */
  #waiting: Buffer | null = null;
  /** Forgets it. */
  #forget: () => void = () => undefined;

  constructor(socket: Socket, rules: WatchRules) {
    super(socket);
    this.#rules = rules;
    // A client may close its side behind what it sent: that is read to its end and answered, as if nobody stood between.
    socket.allowHalfOpen = true;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.once('end', () => {
      this.#hasEnded = true;
      if (!this.#waiting) this.#goOn();
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

  /** It is somebody known: nothing waits any more. */
  trust(): void {
    this.#isTrusted = true;
    const chunk = this.#waiting;
    this.#waiting = null;
    this.#forget();
    if (!chunk || this.destroyed) return;
    this.push(chunk);
    this.#goOn();
  }

  #goOn(): void {
    if (!this.#hasEnded) this.socket.resume();
    else if (this.#isComplete) this.push(null);
    else this.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#isTrusted) {
      if (!this.push(chunk)) this.socket.pause();
      return;
    }
    this.socket.pause();
    this.#waiting = chunk;
    const { turns, laterTurns, block } = this.#rules;
    this.#forget = this.#isComplete
      ? laterTurns.take(block, chunk.length, () => this.#step(chunk))
      : turns.take(block, chunk.length, () => this.#step(chunk), this.#bytes > 0);
  }

  /** Gives TLS what a handshake may have. What comes in the same chunk after its end, such as CONNECT, is not of it. */
  #step(chunk: Buffer): void {
    this.#waiting = null;
    if (this.destroyed) return;
    if (this.#isComplete) {
      this.push(chunk);
      this.#goOn();
      return;
    }
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
    this.#goOn();
  }

  override _read(): void {
    if (!this.#waiting) this.socket.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#forget();
    super._destroy(error, callback);
  }
}
