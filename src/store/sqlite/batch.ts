// Runs the units that wait together and commits them together. One that fails is undone, and no other: units that may run again share a
// savepoint and do so without the one that failed, any other has a savepoint of its own.
import { NolapseError } from '../../domain/errors.ts';
import { wordsFor } from './damage.ts';
import type { Connection, Statement } from './sqlite.ts';
import type { Unit, UnitQueue } from './unit-queue.ts';
import type { WriteWatch } from './write-watch.ts';

/**
 * Units committed together: so many at most, and beyond the least only until the time is up. Bounds how long everybody else
 * waits for one commit.
 */
const unitsPerCommitMax = 256;
const unitsPerCommitLeast = 8;
const commitMs = 10;

/** Units that share a savepoint: so many are run again at most where one fails. */
const groupMax = 32;

/** What units have written that is put into tables as late as the commit. */
export interface Deferred {
  /** A place to go back to. */
  mark(): Mark;
  /** What was put off since is undone, and what was put into a table since is put off again. */
  backTo(mark: Mark): void;
  /** Puts it into its tables. */
  flush(): void;
  /** All of it is kept. */
  committed(): void;
}

/** How much was put off in this transaction, and how much of that is in its table. */
export interface Mark {
  readonly lines: number;
  readonly written: number;
}

const nothing: Mark = { lines: 0, written: 0 };

/** Units that have run under one savepoint; without one, they are the transaction's first. */
interface Group {
  readonly units: Unit[];
  readonly mark: Mark;
  readonly isSaved: boolean;
}

export class Batches {
  readonly #sqlite: Connection;
  readonly #watch: WriteWatch;
  readonly #statements: Readonly<Record<'begin' | 'commit' | 'save' | 'release', Statement>>;
  #onUndone: () => void = () => undefined;
  #deferred: Deferred = {
    mark: () => nothing,
    backTo: () => undefined,
    flush: () => undefined,
    committed: () => undefined,
  };

  constructor(sqlite: Connection, watch: WriteWatch) {
    this.#sqlite = sqlite;
    this.#watch = watch;
    this.#statements = {
      begin: sqlite.prepare('BEGIN IMMEDIATE'),
      commit: sqlite.prepare('COMMIT'),
      save: sqlite.prepare('SAVEPOINT unit'),
      release: sqlite.prepare('RELEASE unit'),
    };
  }

  /** Calls the listener, the only one, at once when anything that a unit wrote is undone: before any other unit runs. */
  onUndone(listener: () => void): void {
    this.#onUndone = listener;
  }

  /** What is written as late as the commit: one keeps it. */
  defer(deferred: Deferred): void {
    this.#deferred = deferred;
  }

  /** Runs some of what waits, and commits it. */
  async run(queue: UnitQueue): Promise<void> {
    const batch: Unit[] = [];
    const failures = new Map<Unit, unknown>();
    try {
      await this.#runUnits(queue, batch, failures);
      this.#deferred.flush();
      this.#statements.commit.run();
      this.#deferred.committed();
    } catch (cause) {
      this.#watch.failed(cause);
      this.#undo('ROLLBACK', nothing, batch, failures);
      const error = new NolapseError('store_failed', `nothing was committed: ${wordsFor(cause)}`, cause);
      for (const unit of batch) unit.failed(failures.get(unit) ?? error);
      return;
    }
    for (const unit of batch) {
      if (failures.has(unit)) unit.failed(failures.get(unit));
      else unit.committed();
    }
  }

  async #runUnits(queue: UnitQueue, batch: Unit[], failures: Map<Unit, unknown>): Promise<void> {
    // A unit alone is undone with its transaction; a savepoint would keep a copy of every page a long import touches.
    const isAlone = queue.waits === 1;
    const until = performance.now() + commitMs;
    const mayGoOn = (): boolean =>
      !isAlone && batch.length < unitsPerCommitMax && (batch.length < unitsPerCommitLeast || performance.now() < until);
    const next = (): Unit | undefined => {
      const unit = queue.take();
      if (unit) batch.push(unit);
      return unit;
    };
    // Taken before the transaction begins: if that fails, somebody is told.
    let unit = next();
    let group: Group | null = null;
    this.#statements.begin.run();
    for (; unit; unit = mayGoOn() ? next() : undefined) {
      if (isAlone) await this.#runAlone(unit, failures);
      else if (unit.mayRunAgain) group = await this.#runInGroup(unit, group, batch.length === 1, failures);
      else {
        if (group?.isSaved) this.#statements.release.run();
        group = null;
        await this.#runApart(unit, failures);
      }
    }
    if (group?.isSaved) this.#statements.release.run();
  }

  async #runAlone(unit: Unit, failures: Map<Unit, unknown>): Promise<void> {
    try {
      await unit.run();
    } catch (error) {
      failures.set(unit, error);
      throw error;
    }
  }

  /** @returns the group as it goes on; null: it has ended. */
  async #runInGroup(
    unit: Unit,
    before: Group | null,
    isFirst: boolean,
    failures: Map<Unit, unknown>,
  ): Promise<Group | null> {
    let group = before;
    if (group && group.units.length >= groupMax) {
      if (group.isSaved) this.#statements.release.run();
      group = null;
    }
    if (!group) {
      group = { units: [], mark: this.#deferred.mark(), isSaved: !isFirst };
      if (group.isSaved) this.#statements.save.run();
    }
    try {
      const pending = unit.run();
      if (pending) await pending;
      group.units.push(unit);
      return group;
    } catch (error) {
      this.#failed(unit, error, failures);
      this.#undo(group.isSaved ? 'ROLLBACK TO unit; RELEASE unit' : 'ROLLBACK', group.mark, [unit], failures);
      if (!group.isSaved) this.#statements.begin.run();
      for (const each of group.units) await this.#runApart(each, failures);
      return null;
    }
  }

  async #runApart(unit: Unit, failures: Map<Unit, unknown>): Promise<void> {
    const mark = this.#deferred.mark();
    this.#statements.save.run();
    try {
      const pending = unit.run();
      if (pending) await pending;
      this.#statements.release.run();
    } catch (error) {
      this.#failed(unit, error, failures);
      this.#undo('ROLLBACK TO unit; RELEASE unit', mark, [unit], failures);
    }
  }

  /** Throws where it took the whole transaction with it: a full disk or an I/O error makes SQLite undo that by itself. */
  #failed(unit: Unit, error: unknown, failures: Map<Unit, unknown>): void {
    failures.set(unit, error);
    this.#watch.failed(error);
    if (!this.#sqlite.inTransaction) throw error;
  }

  /** @param failures takes what keeps a unit from taking back what it remembered: it fails with that. */
  #undo(statement: string, mark: Mark, units: readonly Unit[], failures: Map<Unit, unknown>): void {
    this.#onUndone();
    this.#deferred.backTo(mark);
    if (this.#sqlite.inTransaction) this.#sqlite.exec(statement);
    for (const unit of units) {
      try {
        unit.undone();
      } catch (error) {
        failures.set(unit, error);
      }
    }
  }
}
