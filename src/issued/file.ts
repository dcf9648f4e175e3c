// The file of issued certificates: lines are appended and on its disk before anybody is told of what they record. It is opened anew for
// each append, so that it may be moved away, and it never ends or holds up what it records.
import { open } from 'node:fs/promises';
import type { NumberedChange } from './line.ts';
import { encodeLine } from './line.ts';

/** What waits for its recording, and is noted as recorded. */
export interface Waiting<Change> {
  /** The places in their order of the first and the last that wait; null: none does. */
  readonly places: { readonly first: number; readonly last: number } | null;
  waiting(limit: number): readonly Change[];
  settle(changes: readonly Change[], number: number): Promise<void>;
}

const linesAtOnce = 250;
/** How long a transaction waits for its lines, and how long a file that failed is left alone. While it fails nobody waits for it. */
const patienceMs = 2_000;
const retryMs = 5_000;

type Recorded = { readonly change: NumberedChange['change'] };

export class IssuedFile {
  readonly #path: string;
  readonly #key: Uint8Array;
  readonly #waiting: Waiting<Recorded>;
  readonly #now: () => number;
  readonly #steady: () => number;
  #number: number;
  #failure: string | null = null;
  #failedAt = 0;
  #writing: Promise<void> | null = null;

  constructor(options: {
    readonly path: string;
    readonly key: Uint8Array;
    /** Of the last line. */
    readonly number: number;
    readonly waiting: Waiting<Recorded>;
    readonly now: () => number;
    readonly steady: () => number;
  }) {
    this.#path = options.path;
    this.#key = options.key;
    this.#number = options.number;
    this.#waiting = options.waiting;
    this.#now = options.now;
    this.#steady = options.steady;
  }

  /** Why lines cannot be written, since the last attempt; null: they can. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Resolves when all that waits by now is on the disk, or cannot be brought there for now. Never rejects. */
  async flush(): Promise<void> {
    const upTo = this.#waiting.places?.last;
    if (upTo === undefined) return;
    if (this.#failure !== null) {
      if (this.#steady() >= this.#failedAt + retryMs) void this.#begin();
      return;
    }
    const late = this.#late();
    while (!late.isOver && this.#failure === null && this.#isWaiting(upTo)) {
      await Promise.race([this.#begin(), late.promise]);
    }
    late.cancel();
  }

  #isWaiting(place: number): boolean {
    const { places } = this.#waiting;
    return places !== null && places.first <= place;
  }

  #begin(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  #late(): { readonly promise: Promise<void>; readonly isOver: boolean; cancel(): void } {
    let timer: NodeJS.Timeout | undefined;
    let isOver = false;
    const promise = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        isOver = true;
        this.#fail(`it did not take a write within ${patienceMs} ms`);
        resolve();
      }, patienceMs);
    });
    return {
      promise,
      get isOver() {
        return isOver;
      },
      cancel: () => clearTimeout(timer),
    };
  }

  #fail(failure: string): void {
    this.#failure = failure;
    this.#failedAt = this.#steady();
  }

  async #write(): Promise<void> {
    try {
      const changes = this.#waiting.waiting(linesAtOnce);
      const at = this.#now();
      const lines = changes.map(({ change }, index) =>
        encodeLine(this.#key, { n: this.#number + 1 + index, at, change }),
      );
      await append(this.#path, lines.join(''));
      await this.#waiting.settle(changes, this.#number + changes.length);
      this.#number += changes.length;
      this.#failure = null;
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }
}

/** After a line that was cut off, a new one begins. */
async function append(path: string, text: string): Promise<void> {
  const handle = await open(path, 'a+', 0o600);
  try {
    const { size } = await handle.stat();
    const end = Buffer.alloc(1);
    if (size > 0) await handle.read(end, 0, 1, size - 1);
    await handle.appendFile(size > 0 && end[0] !== 0x0a ? `\n${text}` : text);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}
