// An inventory behind HTTP: JSON, a page after another, by the link to the next one or by number. All of its pages are read, or
// it is not relied on.
import { valueAt } from '../domain/field-path.ts';
import type { Source, SourceBatch, SourceRecord } from '../ports/source.ts';
import { type Approach, accessOf } from '../remote/exchange.ts';
import { fetchPage, quoted } from './page.ts';
import { Rest } from './rest.ts';

export interface HttpOptions extends Approach {
  readonly url: string;
  /** Path of the list in a page; null: the page is the list. */
  readonly rows: string | null;
  /** Path of the link to the next page, which is null on the last one; null: no links. */
  readonly next: string | null;
  /** Query parameter with a page's number, from 1 on, until a page is empty; null: no numbers. */
  readonly page: string | null;
  /** Path of how many records there are in all; null: it is not said. */
  readonly count: string | null;
  /** For one page. */
  readonly timeoutMs: number;
  readonly pagesMax: number;
  readonly bytesMax: number;
}

/** Records one page may have. */
const recordsMax = 100_000;
/** How long all pages together may take. */
const readMsMax = 3_600_000;

export function createHttpSource(options: HttpOptions): Source {
  const rest = new Rest();
  return {
    place: (at) => `page ${Math.floor(at / recordsMax)}, record ${at % recordsMax}`,
    read: (signal) => read(options, rest, AbortSignal.any([signal, AbortSignal.timeout(readMsMax)])),
  };
}

const nothing = { records: [], faults: [] };

async function* read(options: HttpOptions, rest: Rest, signal: AbortSignal): AsyncGenerator<SourceBatch> {
  const objection = rest.begin();
  if (objection) {
    yield { ...nothing, faults: [objection] };
    return;
  }
  const access = await accessOf(options);
  if ('fault' in access) {
    yield { ...nothing, faults: [access.fault] };
    return;
  }
  const walk = new Walk(options);
  for (let url: URL | null = walk.first; url; ) {
    const page = await fetchPage({ ...access, url, timeoutMs: options.timeoutMs, signal });
    if ('fault' in page && (await rest.take(page.restMs, signal))) continue;
    const taken: Taken = 'fault' in page ? { fault: page.fault } : walk.take(page.body, page.bytes, url);
    if ('fault' in taken) {
      yield { ...nothing, faults: [`page ${walk.page}: ${taken.fault}`] };
      return;
    }
    yield taken.batch;
    url = taken.next;
  }
  const lacking = walk.objectToEnd();
  if (lacking) yield { ...nothing, faults: [lacking] };
}

type Taken = { readonly batch: SourceBatch; readonly next: URL | null } | { readonly fault: string };

/** The way through the pages, and what was found on it so far. */
class Walk {
  readonly first: URL;
  /** The page that is being read, from 1 on. */
  page = 1;
  readonly #options: HttpOptions;
  readonly #asked = new Set<string>();
  #records = 0;
  #bytes = 0;
  #count: number | null = null;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.first = new URL(options.url);
    if (options.page !== null) this.first.searchParams.set(options.page, '1');
    this.#asked.add(this.first.href);
  }

  take(body: unknown, bytes: number, url: URL): Taken {
    const { rows, bytesMax } = this.#options;
    this.#bytes += bytes;
    if (this.#bytes > bytesMax) return { fault: `more than ${bytesMax} bytes in all` };
    const list = rows === null ? body : valueAt(body, rows);
    if (!Array.isArray(list)) return { fault: `no list ${rows === null ? '' : `at ${rows} `}in the answer` };
    if (list.length >= recordsMax) return { fault: `more than ${recordsMax - 1} records in one page` };
    const fault = this.#countIn(body);
    if (fault) return { fault };
    this.#records += list.length;
    const next = this.#nextAfter(body, list.length, url);
    if (typeof next === 'string') return { fault: next };
    const batch = batchOf(list, this.page);
    this.page += 1;
    return { batch, next };
  }

  #countIn(body: unknown): string | null {
    const { count: path } = this.#options;
    if (path === null) return null;
    const count = valueAt(body, path);
    if (typeof count !== 'number' || !Number.isSafeInteger(count)) return `no number at ${path}`;
    if (this.#count !== null && count !== this.#count) {
      return `it says that there are ${count} records, and before that there are ${this.#count}: it was changed meanwhile`;
    }
    this.#count = count;
    return null;
  }

  /** The next page, null after the last; a text: why there is no going on. */
  #nextAfter(body: unknown, records: number, url: URL): URL | null | string {
    const { next: path, page: parameter, pagesMax } = this.#options;
    if (path === null && parameter === null) return null;
    if (parameter !== null) {
      if (records === 0 || (this.#count !== null && this.#records >= this.#count)) return null;
      if (this.page >= pagesMax) return `more than ${pagesMax} pages`;
      const following = new URL(url);
      following.searchParams.set(parameter, String(this.page + 1));
      return following;
    }
    const link = valueAt(body, path ?? '');
    if (link === null) return null;
    if (typeof link !== 'string' || !URL.canParse(link, url.href)) return `no link at ${path}, and no null`;
    if (this.page >= pagesMax) return `more than ${pagesMax} pages`;
    return this.#judgeLink(new URL(link, url));
  }

  #judgeLink(link: URL): URL | string {
    // The token goes with every request.
    if (link.origin !== this.first.origin)
      return `the next page is at ${quoted(link.origin)}, not at ${this.first.origin}`;
    if (this.#asked.has(link.href)) return 'the next page is one that was read before';
    this.#asked.add(link.href);
    return link;
  }

  /** After the last page: is it all there? */
  objectToEnd(): string | null {
    if (this.#count !== null && this.#records !== this.#count) {
      return `it says that there are ${this.#count} records, and gave ${this.#records}`;
    }
    return this.#records === 0 ? 'it has no records' : null;
  }
}

function batchOf(list: readonly unknown[], page: number): SourceBatch {
  const records: SourceRecord[] = [];
  const faults: string[] = [];
  for (const [index, fields] of list.entries()) {
    if (typeof fields === 'object' && fields !== null && !Array.isArray(fields)) {
      records.push({ at: page * recordsMax + index + 1, fields: fields as SourceRecord['fields'] });
    } else faults.push(`page ${page}, record ${index + 1}: not an object`);
  }
  return { records, faults };
}
