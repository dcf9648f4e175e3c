// Is what is to be remembered being written? Told from the writes themselves: a full disk still answers every question.
import { NolapseError } from '../../domain/errors.ts';
import { sqliteCode } from './sqlite.ts';

/** After a failure the storage counts as failing at least this long: a small write may go through where a larger one does not. */
const doubtMs = 10_000;

const storageFaults = /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|NOMEM|PERM)/;

export class WriteWatch {
  readonly #steady: () => number;
  #failedAt = Number.NEGATIVE_INFINITY;
  #isFailing = false;
  #listener: (reason: string) => void = () => undefined;

  /** @param steady milliseconds that only go forward. */
  constructor(steady: () => number = () => performance.now()) {
    this.#steady = steady;
  }

  /** False from a write that the storage refused until one has gone through and none was refused for a while. */
  get isWell(): boolean {
    return !this.#isFailing && this.#steady() >= this.#failedAt + doubtMs;
  }

  /** Told of the first write that is refused, with the storage's own words; again only after all was well. */
  onRefused(listener: (reason: string) => void): void {
    this.#listener = listener;
  }

  /** Something was written and is durable. */
  written(): void {
    this.#isFailing = false;
  }

  /** A unit of work or its commit failed. What is the unit's own fault is none of the storage's. */
  failed(error: unknown): void {
    const fault = error instanceof NolapseError ? error.cause : error;
    const code = sqliteCode(fault);
    if (code === null || !storageFaults.test(code)) return;
    const begins = this.isWell;
    this.#isFailing = true;
    this.#failedAt = this.#steady();
    if (begins) this.#listener(`${code}: ${(fault as Error).message}`);
  }
}
