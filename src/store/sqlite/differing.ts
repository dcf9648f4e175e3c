// Updates of a row that set only the columns whose values differ from what it holds. SQLite renews every index, and looks up every
// reference, of each column that an update names, also where its value stays as it was.
import type { Compilable } from 'kysely';
import type { Parameter, Prepared, Queries } from './query.ts';

/** Sets of columns with a statement kept ready; the oldest goes first. A renewal's whole course needs some twenty. */
const statementsKeptMax = 100;

type Property<Row> = keyof Row & string;

/** @param update the update of one row that sets these columns, named as they are in the row. */
export class Differing<Row extends object> {
  readonly #queries: Queries;
  readonly #names: readonly Property<Row>[];
  readonly #update: (p: Parameter<Row>, names: readonly Property<Row>[]) => Compilable;
  readonly #kept = new Map<string, Prepared<Row, unknown>>();

  constructor(
    queries: Queries,
    names: readonly Property<Row>[],
    update: (p: Parameter<Row>, names: readonly Property<Row>[]) => Compilable,
  ) {
    this.#queries = queries;
    this.#names = names;
    this.#update = update;
  }

  /** Makes the row that holds `from` hold `to`; does nothing where that is the same. */
  run(from: Row, to: Row): void {
    const names = this.#names.filter((name) => from[name] !== to[name]);
    if (names.length > 0) this.#statement(names).run(to);
  }

  #statement(names: readonly Property<Row>[]): Prepared<Row, unknown> {
    const key = names.join();
    const kept = this.#kept.get(key);
    if (kept) return kept;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= statementsKeptMax) this.#kept.delete(oldest);
    const made = this.#queries.prepare((p: Parameter<Row>) => this.#update(p, names));
    this.#kept.set(key, made);
    return made;
  }
}
