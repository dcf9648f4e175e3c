// The address blocks from which known certificates came, by when: forgotten when nobody has come from there for long, or when there are
// too many.
import type { Instant } from '../../domain/time.ts';
import type { Database } from './database.ts';
import type { Statement } from './sqlite.ts';

/** Rows that one unit of work forgets at most. */
const forgottenAtOnce = 1_000;

export class KnownBlockTable {
  readonly #database: Database;
  readonly #newest: Statement<[number], string>;
  readonly #count: Statement<[], number>;
  readonly #put: Statement<[string, Instant]>;
  readonly #forgetBefore: Statement<[Instant, number]>;
  readonly #forgetOldest: Statement<[number]>;

  constructor(database: Database) {
    const { sqlite } = database;
    this.#database = database;
    this.#newest = sqlite
      .prepare<[number], string>('SELECT block FROM known_block ORDER BY seen_at DESC LIMIT ? + 0')
      .pluck() as Statement<[number], string>;
    this.#count = sqlite.prepare<[], number>('SELECT count(*) FROM known_block').pluck() as Statement<[], number>;
    this.#put = sqlite.prepare('INSERT OR REPLACE INTO known_block (block, seen_at) VALUES (?, ?)');
    const oldest = (where: string) =>
      `DELETE FROM known_block WHERE block IN (SELECT block FROM known_block ${where} ORDER BY seen_at LIMIT ? + 0)`;
    this.#forgetBefore = sqlite.prepare(oldest('WHERE seen_at < ?'));
    this.#forgetOldest = sqlite.prepare(oldest(''));
  }

  /** The oldest first; of more than so many, those seen last. */
  load(limit: number): string[] {
    return this.#newest.all(limit).reverse();
  }

  /** Known certificates came from these. What was seen before `keptSince` is forgotten, and what is beyond so many. */
  note(
    blocks: readonly string[],
    at: Instant,
    { keptSince, most }: { keptSince: Instant; most: number },
  ): Promise<void> {
    return this.#database.submit(() => {
      for (const block of blocks) this.#put.run(block, at);
      this.#forgetBefore.run(keptSince, forgottenAtOnce);
      const excess = (this.#count.get() ?? 0) - most;
      if (excess > 0) this.#forgetOldest.run(Math.min(excess, forgottenAtOnce));
    }, 'ledger');
  }
}
