// Reads inventory files, CSV and JSON lines, into rows of named fields with the line each stands on. It judges no values.
import { CsvError, type Info, parse } from 'csv-parse/sync';

/** Rows one file may hold. */
export const rowsMax = 1_000_000;

interface Row {
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

interface Rows {
  readonly rows: Row[];
  readonly faults: { line: number; fault: string }[];
}

/** Splits the text of a file into rows; what cannot be read is a fault with its line. */
export function readRows(format: 'csv' | 'jsonl', text: string): Rows {
  const read = format === 'csv' ? readCsv(text) : readJsonLines(text);
  if (read.rows.length > rowsMax) read.faults.push({ line: rowsMax + 1, fault: `more than ${rowsMax} rows` });
  if (read.rows.length === 0 && read.faults.length === 0) read.faults.push({ line: 1, fault: 'the file has no rows' });
  return read;
}

function readCsv(text: string): Rows {
  const rows: Row[] = [];
  const faults: { line: number; fault: string }[] = [];
  try {
    const records = parse(text, {
      bom: true,
      columns: (header: string[]) => header.map((name) => name.trim()),
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      max_record_size: 65_536,
    }) as unknown as { record: Record<string, string>; info: Info & { error?: CsvError } }[];
    for (const { record, info } of records) {
      if (info.error) faults.push({ line: info.lines, fault: 'the number of fields differs from the header' });
      else rows.push({ line: info.lines, fields: record });
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error['lines'] === 'number' ? error['lines'] : 1;
    faults.push({ line, fault: `not CSV: ${error.code}` });
  }
  return { rows, faults };
}

function readJsonLines(text: string): Rows {
  const rows: Row[] = [];
  const faults: { line: number; fault: string }[] = [];
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const fields = readObject(line);
    if (fields) rows.push({ line: index + 1, fields });
    else faults.push({ line: index + 1, fault: 'not a JSON object' });
  }
  return { rows, faults };
}

function readObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
