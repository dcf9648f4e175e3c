// Reads inventory files, CSV and JSON lines, into rows of named fields with the line each stands on, a piece at a time. It judges
// no values.
import { pipeline } from 'node:stream/promises';
import { CsvError, type Info, parse } from 'csv-parse';

export const rowFormats = ['csv', 'jsonl'] as const;
export type RowFormat = (typeof rowFormats)[number];

/** Rows one file may hold, and its bytes. */
export const rowsMax = 2_000_000;
export const rowsBytesMax = 512 * 1_048_576;
/** Characters of one row. */
const rowLengthMax = 65_536;

/** Rows handed on at once, and their characters: a row may be nothing but thousands of names. */
const batchRows = 500;
const batchLength = 1_048_576;
/** Bytes of a text that are read at once. */
const pieceBytes = 65_536;

interface Row {
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface RowBatch {
  readonly rows: Row[];
  /** Line 0: of the file as a whole. */
  readonly faults: { line: number; fault: string }[];
}

const emptyBatch = (): RowBatch => ({ rows: [], faults: [] });

/** A file that cannot be read on: one fault, and the end of it. */
class Unreadable extends Error {}

/**
 * The rows of a file in order, and what cannot be read with its line. A fault of the file as a whole (no UTF-8, broken quotes, too
 * large, no rows) is the last. Rejects only with what `content` rejects with.
 */
export async function* readRows(
  format: RowFormat,
  content: string | AsyncIterable<Uint8Array>,
): AsyncGenerator<RowBatch> {
  const texts = decode(typeof content === 'string' ? piecesOf(Buffer.from(content)) : content);
  let rows = 0;
  let faulty = false;
  for await (const batch of format === 'csv' ? readCsv(texts) : readJsonLines(texts)) {
    rows += batch.rows.length;
    faulty ||= batch.faults.length > 0;
    if (rows > rowsMax) {
      yield { rows: [], faults: [{ line: rowsMax + 1, fault: `more than ${rowsMax} rows` }] };
      return;
    }
    yield batch;
  }
  if (rows === 0 && !faulty) yield { rows: [], faults: [{ line: 1, fault: 'the file has no rows' }] };
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function* decode(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let bytes = 0;
  const read = (chunk?: Uint8Array): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
      throw new Unreadable('not UTF-8 text');
    }
  };
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > rowsBytesMax) throw new Unreadable(`larger than ${rowsBytesMax} bytes`);
    yield read(chunk);
  }
  yield read();
}

/** Columns of a CSV file: an inventory's export has some dozens. */
const columnsMax = 1_000;

function twins(names: readonly string[]): Set<string> {
  const seen = new Set<string>();
  return new Set(names.filter((name) => seen.size === seen.add(name).size));
}

/** Ends of lines as one character each: of two within quotes the parser would count two lines. */
async function* withPlainEnds(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let held = '';
  for await (const text of texts) {
    const all = held + text;
    held = all.endsWith('\r') ? '\r' : '';
    yield all.slice(0, all.length - held.length).replaceAll('\r\n', '\n');
  }
  yield held;
}

interface CsvRecord {
  readonly record: Record<string, string>;
  readonly info: Info & { error?: CsvError };
}

async function* readCsv(texts: AsyncIterable<string>): AsyncGenerator<RowBatch> {
  let batch = emptyBatch();
  let begun = 0;
  // The line on which the last row ended that could be read: what is handed on lags behind it.
  let readTo = 0;
  const parser = parse({
    bom: true,
    columns: (heading: string[]) => {
      readTo = 1;
      const names = heading.map((name) => name.trim());
      if (names.length > columnsMax) batch.faults.push({ line: 1, fault: `more than ${columnsMax} columns` });
      for (const name of twins(names.slice(0, columnsMax))) {
        batch.faults.push({ line: 1, fault: `two columns are named ${JSON.stringify(name)}` });
      }
      if (names.includes('__proto__')) batch.faults.push({ line: 1, fault: 'no column can be named "__proto__"' });
      return names;
    },
    info: true,
    on_record: (record: object, { lines }: Info) => {
      readTo = lines;
      return record;
    },
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    max_record_size: rowLengthMax,
  });
  // What goes wrong on the way in, the parser is destroyed with: it is met where its rows are read.
  const fed = pipeline(withPlainEnds(texts), parser).catch(() => undefined);
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      if (info.error) {
        batch.faults.push({ line: info.lines, fault: 'the number of fields differs from the header' });
      } else batch.rows.push({ line: info.lines, fields: record });
      if (batch.rows.length + batch.faults.length < batchRows && info.bytes - begun < batchLength) continue;
      yield batch;
      batch = emptyBatch();
      begun = info.bytes;
    }
  } catch (error) {
    batch.faults.push(csvFault(error, readTo + 1));
  } finally {
    parser.destroy();
    await fed;
  }
  yield batch;
}

/** What goes on and on is named by the line on which it begins, since nobody finds it by where it was noticed. */
const unending: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote that begins in this row is not closed',
  CSV_MAX_RECORD_SIZE: `this row is longer than ${rowLengthMax} characters: a quote that is not closed?`,
};

function csvFault(error: unknown, rowBegins: number): RowBatch['faults'][number] {
  if (error instanceof Unreadable) return { line: 0, fault: error.message };
  if (!(error instanceof CsvError)) throw error;
  const endless = unending[error.code];
  if (endless) return { line: rowBegins, fault: `not CSV: ${endless}` };
  const line = typeof error['lines'] === 'number' ? error['lines'] : 1;
  return { line, fault: `not CSV: ${error.code}` };
}

async function* readJsonLines(texts: AsyncIterable<string>): AsyncGenerator<RowBatch> {
  let batch = emptyBatch();
  let number = 0;
  let length = 0;
  const take = (text: string): void => {
    number += 1;
    length += text.length;
    if (text.trim() === '') return;
    const isLong = text.length > rowLengthMax;
    const fields = isLong ? `longer than ${rowLengthMax} characters` : readObject(text);
    if (typeof fields === 'string') batch.faults.push({ line: number, fault: fields });
    else batch.rows.push({ line: number, fields });
  };
  try {
    let rest = '';
    for await (const text of texts) {
      const lines = (rest + text).split('\n');
      // A line without an end is kept only until it is known to be too long.
      rest = (lines.pop() ?? '').slice(0, rowLengthMax + 1);
      for (const line of lines) take(line);
      if (batch.rows.length + batch.faults.length < batchRows && length < batchLength) continue;
      yield batch;
      batch = emptyBatch();
      length = 0;
    }
    take(rest);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    batch.faults.push({ line: 0, fault: error.message });
  }
  yield batch;
}

/** The fields of an object, or what is wrong with the line. */
function readObject(line: string): Record<string, unknown> | string {
  const none = 'not a JSON object';
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return none;
    const twice = repeatedName(line);
    return twice === null ? { ...value } : `two fields are named ${JSON.stringify(twice)}`;
  } catch {
    return none;
  }
}

/** Of a JSON object, the first name that occurs again in it: whoever parses it keeps one of the two values and says nothing (RFC 8259, 4). */
function repeatedName(json: string): string | null {
  const names = new Set<string>();
  let depth = 0;
  let last = '';
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (token !== ':') last = token;
    else if (depth === 1) {
      const name = JSON.parse(last) as string;
      if (names.has(name)) return name;
      names.add(name);
    }
  }
  return null;
}
