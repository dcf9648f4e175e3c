// The lines that units record in the journal, written into it together, right before they are committed or somebody reads them.
import { NolapseError } from '../../domain/errors.ts';
import type { JournalEntry } from '../../ports/journal.ts';
import type { Deferred, Mark } from './batch.ts';
import type { KnownTables } from './known-tables.ts';

type JournalTables = Pick<
  KnownTables,
  'record' | 'recordAll' | 'journal' | 'notedSince' | 'journalBetween' | 'journalBegins' | 'forgetJournal'
>;

const isText = (value: unknown): boolean => typeof value === 'string';
const isTextOrNull = (value: unknown): boolean => value === null || isText(value);

/** What the table would refuse is refused while its unit runs: at the commit it would fail everybody's. */
function check({ at, action, principalId, renewalId, detail, actor }: JournalEntry): void {
  const isSound =
    Number.isSafeInteger(at) &&
    isText(action) &&
    isText(detail) &&
    isTextOrNull(principalId) &&
    isTextOrNull(renewalId) &&
    (actor === null || (isText(actor.name) && isText(actor.channel) && isTextOrNull(actor.reason)));
  if (!isSound) throw new NolapseError('store_constraint', `a line of the journal is not whole: ${action}`);
}

export class JournalLines implements Deferred {
  readonly #tables: JournalTables;
  #lines: JournalEntry[] = [];
  #written = 0;

  constructor(tables: JournalTables) {
    this.#tables = tables;
  }

  mark(): Mark {
    return { lines: this.#lines.length, written: this.#written };
  }

  backTo({ lines, written }: Mark): void {
    this.#lines.length = lines;
    this.#written = written;
  }

  flush(): void {
    if (this.#written === this.#lines.length) return;
    this.#tables.recordAll(this.#lines.slice(this.#written));
    this.#written = this.#lines.length;
  }

  committed(): void {
    this.#lines = [];
    this.#written = 0;
  }

  /** The tables, which write and read the journal through here. */
  within(tables: KnownTables): KnownTables {
    const { journal, notedSince, journalBetween, journalBegins, forgetJournal } = this.#tables;
    const afterFlush =
      <Given extends unknown[], Found>(read: (...given: Given) => Found) =>
      (...given: Given): Found => {
        this.flush();
        return read(...given);
      };
    return {
      ...tables,
      record: (entry) => {
        check(entry);
        this.#lines.push(entry);
      },
      journal: afterFlush(journal),
      notedSince: afterFlush(notedSince),
      journalBetween: afterFlush(journalBetween),
      journalBegins: afterFlush(journalBegins),
      forgetJournal: afterFlush(forgetJournal),
    };
  }
}
