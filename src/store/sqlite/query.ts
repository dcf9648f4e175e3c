// Runs what the query builder writes, synchronously, on better-sqlite3. Queries of a fixed shape are compiled once and take
// named parameters; those whose shape varies are compiled at each call, and their statements are kept by their SQL.
import { type Compilable, type CompiledQuery, type RawBuilder, sql } from 'kysely';
import { NolapseError } from '../../domain/errors.ts';
import { wordsFor } from './damage.ts';
import { type Connection, type Statement, sqliteCode } from './sqlite.ts';

/** Statements of varying shape kept ready; the oldest goes first. */
const statementsKeptMax = 100;

/** Stands for the value of `name` in a query that is compiled before its values are known. */
export type Parameter<Values> = <Name extends keyof Values & string>(name: Name) => RawBuilder<Values[Name]>;

/** A parameter's place among those of a compiled query. */
class Place {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

const placed = (name: string): RawBuilder<never> => sql`${new Place(name)}`;

/** The parameters' names in the order of their places. */
function namesOf<Values>({ sql: text, parameters }: CompiledQuery): (keyof Values)[] {
  return parameters.map((place) => {
    if (!(place instanceof Place)) throw new Error(`a value is fixed in a prepared query: ${text}`);
    return place.name as keyof Values;
  });
}

/** A query of fixed shape. `values` has a property for each parameter; others are ignored. Values are never undefined. */
export interface Prepared<Values, Row> {
  get(values: Values): Row | undefined;
  all(values: Values): Row[];
  /** @returns how many rows it changed. */
  run(values: Values): number;
}

function storeError(error: unknown): NolapseError {
  const code = sqliteCode(error) ?? '';
  const detail = wordsFor(error);
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    return new NolapseError('conflict', detail, error);
  }
  if (code.startsWith('SQLITE_CONSTRAINT')) return new NolapseError('store_constraint', detail, error);
  if (detail.includes('connection is not open')) return new NolapseError('store_closed', 'the store is closed', error);
  return new NolapseError('store_failed', detail, error);
}

function guarded<Result>(execute: () => Result): Result {
  try {
    return execute();
  } catch (error) {
    throw storeError(error);
  }
}

/**
 * The rows of a statement that has some, read as lists of cells and made into objects here: those that better-sqlite3 makes are
 * hash tables to V8, which cost twice as much to make and more at each use.
 */
class Rows<Row> {
  readonly #statement: Statement<unknown[], unknown[]>;
  readonly #names: readonly string[];
  /** Has every column from the beginning: a copy of it takes its values without changing its shape. */
  readonly #empty: Record<string, unknown>;

  constructor(statement: Statement<unknown[]>) {
    this.#names = statement.columns().map(({ name }) => name);
    this.#empty = JSON.parse(JSON.stringify(Object.fromEntries(this.#names.map((name) => [name, null]))));
    this.#statement = statement.raw() as Statement<unknown[], unknown[]>;
  }

  get(bound: readonly unknown[]): Row | undefined {
    const cells = guarded(() => this.#statement.get(...bound));
    return cells && this.#row(cells);
  }

  all(bound: readonly unknown[]): Row[] {
    return guarded(() => this.#statement.all(...bound)).map((cells) => this.#row(cells));
  }

  #row(cells: readonly unknown[]): Row {
    const row = { ...this.#empty };
    this.#names.forEach((name, place) => {
      row[name] = cells[place];
    });
    return row as Row;
  }
}

/**
 * Every method fails with NolapseError: `conflict` (a value that must be unique is taken), `store_constraint` (a value or
 * reference the schema does not allow), `store_closed`, or `store_failed` (a full disk, an I/O error).
 */
export class Queries {
  readonly #sqlite: Connection;
  readonly #kept = new Map<string, Rows<unknown>>();

  constructor(sqlite: Connection) {
    this.#sqlite = sqlite;
  }

  /** Compiles a query of fixed shape, once. */
  prepare<Values extends object, Row>(query: (parameter: Parameter<Values>) => Compilable<Row>): Prepared<Values, Row> {
    const compiled = query(placed).compile();
    const names = namesOf<Values>(compiled);
    // By position: to look a row's values up by name costs SQLite's binding more than the query itself.
    const bound = (values: Values): unknown[] => names.map((name) => values[name]);
    const statement = this.#sqlite.prepare<unknown[]>(compiled.sql);
    const run = (values: Values): number => guarded(() => statement.run(...bound(values)).changes);
    const rows = statement.reader ? new Rows<Row>(statement) : null;
    return { get: (values) => rows?.get(bound(values)), all: (values) => rows?.all(bound(values)) ?? [], run };
  }

  /**
   * A write of rows, so many by one statement at most.
   * @param query writes as many rows as it is given.
   */
  prepareRows<Row extends object>(
    most: number,
    query: (rows: readonly Parameter<Row>[]) => Compilable,
  ): (rows: readonly Row[]) => void {
    const statements: (((rows: readonly Row[]) => void) | undefined)[] = [];
    const made = (count: number): ((rows: readonly Row[]) => void) => {
      const compiled = query(Array.from({ length: count }, () => placed)).compile();
      const names = namesOf<Row>(compiled);
      const each = names.slice(0, names.length / count);
      const statement = this.#sqlite.prepare<unknown[]>(compiled.sql);
      return (rows) => void guarded(() => statement.run(...rows.flatMap((row) => each.map((name) => row[name]))));
    };
    return (rows) => {
      for (let from = 0; from < rows.length; from += most) {
        const some = rows.slice(from, from + most);
        const write = statements[some.length] ?? made(some.length);
        statements[some.length] = write;
        write(some);
      }
    };
  }

  /** Compiles and runs a query whose shape varies. */
  all<Row>(query: Compilable<Row>): Row[] {
    const compiled = query.compile();
    return this.#rows(compiled.sql).all(compiled.parameters) as Row[];
  }

  #rows(text: string): Rows<unknown> {
    const kept = this.#kept.get(text);
    if (kept) return kept;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= statementsKeptMax) this.#kept.delete(oldest);
    const rows = new Rows<unknown>(this.#sqlite.prepare<unknown[]>(text));
    this.#kept.set(text, rows);
    return rows;
  }
}

/** better-sqlite3 hands out Buffers; the domain knows only bytes. The memory is shared, not copied. */
export function bytesOf(blob: Uint8Array): Uint8Array {
  return new Uint8Array(blob.buffer, blob.byteOffset, blob.byteLength);
}
