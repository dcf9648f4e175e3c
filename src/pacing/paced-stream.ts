// The bytes of a connection on their way to an HTTP parser, which makes objects of all that it is given at once: no more than one
// request's head, and of that no more than a piece, when the piece has its turn. It reads no further than that while a request is answered.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { PassingStream } from './passing-stream.ts';
import type { Turns } from './turns.ts';

const pieceBytesMax = 512;
/** The end of a head, as generous as parsers are (RFC 9112, 2.2). */
const headEnd = /\r?\n\r?\n/;
/** Of an end that is cut, all but the last byte. */
const endBytesMax = 3;

export class PacedStream extends PassingStream {
  readonly #turns: Turns;
  readonly #block: string;
  #rest: Buffer = Buffer.alloc(0);
  /** The last bytes of the head that is on its way. */
  #tail: Buffer = Buffer.alloc(0);
  #hasBegun = false;
  #isHeld = false;
  #isWaiting = false;
  /** Does what is pushed reach the parser at once? From its first resumption on, unless it has paused. */
  #isRead = false;
  #hasEnded = false;
  #forget: () => void = () => undefined;

  /** @param block whose account it is on. */
  constructor(socket: Socket, turns: Turns, block: string) {
    super(socket);
    this.#turns = turns;
    this.#block = block;
    socket
      .on('data', this.#take)
      .on('end', this.#end)
      .on('timeout', this.#timeOut)
      .on('error', this.#fail)
      .on('close', this.#close);
    this.on('resume', () => {
      this.#isRead = true;
      this.#next();
    });
  }

  /** Has the client sent more than was handed on? */
  get hasMore(): boolean {
    return this.#rest.length > 0;
  }

  get remoteAddress(): string | undefined {
    return this.socket.remoteAddress;
  }

  /** Hands on nothing until {@link goOn}. */
  hold(): void {
    this.#isHeld = true;
  }

  goOn(): void {
    this.#isHeld = false;
    this.#next();
  }

  /** @returns the connection itself, from which whatever was not handed on is read next. */
  release(): Socket {
    const { socket } = this;
    this.#forget();
    socket.pause();
    socket
      .off('data', this.#take)
      .off('end', this.#end)
      .off('timeout', this.#timeOut)
      .off('error', this.#fail)
      .off('close', this.#close);
    if (this.#rest.length > 0) socket.unshift(this.#rest);
    this.#rest = Buffer.alloc(0);
    this.#isHeld = true;
    return socket;
  }

  setTimeout(ms: number): this {
    this.socket.setTimeout(ms);
    return this;
  }

  /** Closes it once what was written has gone out. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  readonly #take = (chunk: Buffer): void => {
    this.socket.pause();
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#next();
  };

  readonly #end = (): void => {
    this.#hasEnded = true;
    this.#next();
  };
  readonly #timeOut = (): void => void this.emit('timeout');
  readonly #fail = (error: Error): void => void this.destroy(error);
  readonly #close = (): void => void this.destroy();

  #next(): void {
    if (this.#isWaiting || !this.#mayGoOn()) return;
    if (this.#rest.length > 0) {
      this.#isWaiting = true;
      this.#forget = this.#turns.take(this.#block, pieceBytesMax, () => this.#step(), this.#hasBegun);
    } else if (this.#hasEnded) this.push(null);
    else this.socket.resume();
  }

  #step(): void {
    this.#isWaiting = false;
    if (!this.#mayGoOn()) return;
    const length = this.#pieceLength();
    const piece = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    this.#hasBegun = true;
    this.push(piece);
    this.#next();
  }

  /** Nothing is pushed that would wait here: it would be parsed together with what comes next. */
  #mayGoOn(): boolean {
    return !this.destroyed && !this.#isHeld && this.#isRead && this.readableFlowing === true;
  }

  /** Up to the end of a head, or as much of it as is handed on at once. */
  #pieceLength(): number {
    const seen = this.#tail.length;
    const text = Buffer.concat([this.#tail, this.#rest.subarray(0, pieceBytesMax)]);
    const found = headEnd.exec(text.toString('latin1'));
    // An end that was found before is not in the tail.
    this.#tail = found ? Buffer.alloc(0) : text.subarray(-endBytesMax);
    return found ? found.index + found[0].length - seen : text.length - seen;
  }

  override _read(): void {
    // What there is to read is pushed when its turn has come.
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#forget();
    super._destroy(error, callback);
  }
}

/** The connection beneath what an HTTP server has for one. */
export function connectionOf<Other extends Duplex>(stream: Other | PacedStream): Other | Socket {
  return stream instanceof PacedStream ? stream.socket : stream;
}
