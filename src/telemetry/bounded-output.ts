// Takes lines for a file descriptor and never waits for it: one write at a time is under way beside the event loop, a bounded number of
// bytes waits for it, and lines beyond that are dropped and counted. A full disk, a reader that has gone or that does not read costs lines
// and nothing else.
import { write as writeFile, writeSync } from 'node:fs';

/** Bytes of lines that wait, some 10,000 lines. */
const heldBytesMax = 4 * 1_048_576;
/** Bytes written at once. */
const chunkBytes = 65_536;
/** A descriptor that is full is tried again after this, and each time after twice as long. */
const fullFirstMs = 10;
const fullMaxMs = 320;
/** One that refuses is tried again after this: a disk is cleared, a named pipe gets another reader. */
const failedMs = 1_000;
/** Without a byte taken for this long, the other side has stalled. */
const stalledMs = 2_000;
/** How long the end of the process waits for what is held. */
const flushMs = 1_000;

type Write = (
  descriptor: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: null,
  callback: (error: NodeJS.ErrnoException | null, written: number) => void,
) => void;

export interface OutputOptions {
  readonly descriptor: number;
  /** Is it a terminal, which people read? */
  readonly isTerminal?: boolean;
  readonly bytesMax?: number;
  /** Called for each line that is dropped. */
  readonly onDrop?: () => void;
  /** Called when lines get out again, with how many were dropped at this place. */
  readonly onGap?: (dropped: number) => void;
  /** Called when there is no reader any more. */
  readonly onGone?: () => void;
  readonly write?: Write;
}

/** How lines get out. */
export interface OutputState {
  /** Why they do not, in words that stay the same while it is so; null: they do. */
  readonly failure: string | null;
  /** Lines dropped since the beginning. */
  readonly dropped: number;
}

export class BoundedOutput {
  readonly isTerminal: boolean;
  readonly #options: OutputOptions;
  readonly #bytesMax: number;
  readonly #write: Write;
  #lines: string[] = [];
  #heldBytes = 0;
  #chunk: Buffer | null = null;
  #written = 0;
  /** When the write under way began; null: none is. */
  #writingSince: number | null = null;
  /** Since when the chunk waits for its next byte to be taken. */
  #waitsSince = 0;
  #timer: NodeJS.Timeout | NodeJS.Immediate | null = null;
  #pauseMs = fullFirstMs;
  #fault: string | null = null;
  #dropped = 0;
  #gap = 0;
  #flushed: (() => void)[] = [];

  constructor(options: OutputOptions) {
    this.#options = options;
    this.isTerminal = options.isTerminal === true;
    this.#bytesMax = options.bytesMax ?? heldBytesMax;
    this.#write = options.write ?? writeFile;
  }

  get state(): OutputState {
    const isStalled = this.#chunk !== null && performance.now() - this.#waitsSince > stalledMs;
    return { failure: this.#fault ?? (isStalled ? 'nothing is taken from it' : null), dropped: this.#dropped };
  }

  /** A write has been under way for so long that the end of the process would wait for it. */
  get isStuck(): boolean {
    return this.#writingSince !== null && performance.now() - this.#writingSince > flushMs / 2;
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#heldBytes + bytes > this.#bytesMax) {
      this.#dropped += 1;
      this.#gap += 1;
      this.#options.onDrop?.();
      return;
    }
    this.#lines.push(line);
    this.#heldBytes += bytes;
    // What is written in one turn of the event loop goes together.
    if (this.#writingSince === null) this.#timer ??= setImmediate(() => this.#go());
  }

  /** Calls back when all is written, or after a second. */
  flush(callback: () => void = () => undefined): void {
    if (this.#heldBytes === 0) {
      callback();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      this.#flushed = this.#flushed.filter((each) => each !== done);
      callback();
    };
    const timer = setTimeout(done, flushMs);
    this.#flushed.push(done);
  }

  /** Writes what is held on the spot, before the process ends. Not where that could take long: nothing was wrong until now. */
  flushSync(): void {
    if (this.state.failure !== null || this.isStuck) return;
    // What is under way is being written by another thread, which the end of the process waits for.
    const rest = this.#writingSince === null ? (this.#chunk?.subarray(this.#written) ?? null) : null;
    const bytes = Buffer.concat([...(rest ? [rest] : []), Buffer.from(this.#lines.join(''))]);
    this.#lines = [];
    this.#chunk = null;
    this.#heldBytes = 0;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#options.descriptor, bytes, at);
    } catch {
      // There is nobody left to tell.
    }
  }

  #go(): void {
    this.#timer = null;
    if (this.#writingSince !== null) return;
    if (this.#chunk === null) {
      this.#chunk = this.#take();
      this.#written = 0;
      this.#waitsSince = performance.now();
    }
    const chunk = this.#chunk;
    if (chunk === null) {
      for (const done of this.#flushed) done();
      return;
    }
    this.#writingSince = performance.now();
    this.#write(this.#options.descriptor, chunk, this.#written, chunk.length - this.#written, null, (error, count) => {
      this.#writingSince = null;
      // Written on the spot meanwhile.
      if (this.#chunk !== chunk) return;
      if (error) this.#later(error);
      else this.#took(chunk, count);
    });
  }

  #take(): Buffer | null {
    let count = 0;
    for (let bytes = 0; count < this.#lines.length && bytes < chunkBytes; count += 1) {
      bytes += this.#lines[count]?.length ?? 0;
    }
    return count === 0 ? null : Buffer.from(this.#lines.splice(0, count).join(''));
  }

  #took(chunk: Buffer, count: number): void {
    this.#fault = null;
    this.#pauseMs = fullFirstMs;
    this.#written += count;
    this.#waitsSince = performance.now();
    this.#heldBytes -= count;
    if (this.#written === chunk.length) this.#chunk = null;
    if (this.#gap > 0 && this.#heldBytes < this.#bytesMax / 2) {
      const dropped = this.#gap;
      this.#gap = 0;
      this.#options.onGap?.(dropped);
    }
    this.#go();
  }

  #later({ code, message }: NodeJS.ErrnoException): void {
    const isFull = code === 'EAGAIN' || code === 'EINTR';
    if (!isFull) this.#fault = message.replace(/, write$/, '');
    const pauseMs = isFull ? this.#pauseMs : failedMs;
    this.#pauseMs = Math.min(fullMaxMs, this.#pauseMs * 2);
    this.#timer = setTimeout(() => this.#go(), pauseMs).unref();
    if (code === 'EPIPE') this.#options.onGone?.();
  }
}
