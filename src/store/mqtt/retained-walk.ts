// Looks through the retained topics for those that a filter matches, so many rows at a time. It reads no payloads: those are read
// when they are sent.
import { firstSeek, isOneTopic, nextSeek, type Seek } from '../../domain/filter-seek.ts';
import { matches } from '../../domain/topics.ts';
import type { RetainedPage, RetainedTopic, RetainedWalk } from '../../ports/mqtt-persistence.ts';
import type { Connection } from '../sqlite/sqlite.ts';

/** Rows that are read together while one after another matches; after a seek it is one. */
const togetherMax = 64;

export class RetainedRows implements RetainedWalk {
  readonly #steps: ReturnType<typeof retainedSteps>;
  readonly #filter: string;
  readonly #isOneTopic: boolean;
  #seek: Seek | null;
  #together = 1;

  constructor(steps: ReturnType<typeof retainedSteps>, filter: string) {
    this.#steps = steps;
    this.#filter = filter;
    this.#isOneTopic = isOneTopic(filter);
    this.#seek = firstSeek(filter);
  }

  get isOver(): boolean {
    return this.#seek === null;
  }

  /** Looks at so many of the next rows at most. */
  async page(rowsMax: number): Promise<RetainedPage> {
    const found: RetainedTopic[] = [];
    let rows = 0;
    while (this.#seek && rows < rowsMax) {
      const read = this.#read(this.#seek, Math.min(this.#together, rowsMax - rows));
      rows += read.length;
      this.#take(read, found);
    }
    return { rows, found };
  }

  #read({ topic, isIncluded }: Seek, limit: number): RetainedTopic[] {
    if (this.#isOneTopic) return this.#steps.one.all(topic);
    return (isIncluded ? this.#steps.from : this.#steps.after).all(topic, limit);
  }

  /** Of the rows read, up to the first after which the walk goes on elsewhere. */
  #take(read: readonly RetainedTopic[], found: RetainedTopic[]): void {
    this.#seek = null;
    for (const row of read) {
      if (matches(this.#filter, row.topic)) found.push(row);
      this.#seek = this.#isOneTopic ? null : nextSeek(this.#filter, row.topic);
      if (!this.#seek || this.#seek.isIncluded) {
        this.#together = 1;
        return;
      }
    }
    this.#together = Math.min(togetherMax, this.#together * 2);
  }
}

export function retainedSteps(sqlite: Connection) {
  const columns = 'topic, octet_length(topic) + octet_length(payload) AS bytes';
  const step = (where: string) =>
    sqlite.prepare<[string, number], RetainedTopic>(
      `SELECT ${columns} FROM mqtt_retained WHERE ${where} ORDER BY topic LIMIT ? + 0`,
    );
  return {
    one: sqlite.prepare<[string], RetainedTopic>(`SELECT ${columns} FROM mqtt_retained WHERE topic = ?`),
    from: step('topic >= ?'),
    after: step('topic > ?'),
  };
}
