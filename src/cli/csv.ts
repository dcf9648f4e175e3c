// Lists as CSV (RFC 4180) for a spreadsheet, which is not to carry out what a device's record says.
import { plain } from './output.ts';

/** A spreadsheet takes what begins with one of these for a formula. */
const formula = /^[=+\-@\t]/;

function csvCell(value: string | number | null | undefined): string {
  const said = value === null || value === undefined ? '' : String(value);
  const text = formula.test(said) ? `'${said}` : said;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A heading and a line for each row, without what would move a terminal's cursor. */
export function csvOf<Column extends string>(
  columns: readonly Column[],
  rows: readonly Readonly<Record<Column, string | number | null>>[],
): string {
  const lines = rows.map((row) => columns.map((column) => csvCell(row[column])).join(','));
  return [columns.join(','), ...lines].map((line) => `${plain(line)}\n`).join('');
}
