// How rows are laid out for people: aligned, and no wider than a terminal as long as there are columns that can give way.

/** A column that gives way where its table would be too wide. What it leaves out stands whole in JSON, and where one row is shown. */
interface Yielding {
  readonly heading: string;
  /** `cut`: the end of a cell is left out. `fold`: a cell goes on in the next line, below itself. */
  readonly by: 'cut' | 'fold';
}
type Column = string | Yielding;

export const cut = (heading: string): Column => ({ heading, by: 'cut' });
export const fold = (heading: string): Column => ({ heading, by: 'fold' });

const tableWidth = 100;
const gap = '  ';
/** What a column keeps, whatever the others want: of a cut cell so much, of a folded one words up to this length whole. */
const cutMin = 10;
const wordMax = 24;

const headingOf = (column: Column): string => (typeof column === 'string' ? column : column.heading);
const widest = (texts: readonly string[]): number => Math.max(...texts.map((text) => text.length));

/** The least width of a column. */
function leastOf(column: Column, texts: readonly string[]): number {
  const natural = widest(texts);
  if (typeof column === 'string') return natural;
  const kept = column.by === 'cut' ? cutMin : Math.min(wordMax, widest(texts.flatMap((text) => text.split(' '))));
  return Math.min(natural, Math.max(kept, column.heading.length));
}

/** As wide as their widest cells; where that is too much, the widest of those that can give way do first. */
function widthsOf(columns: readonly Column[], rows: readonly (readonly string[])[]): number[] {
  const texts = columns.map((column, at) => [headingOf(column), ...rows.map((row) => row[at] ?? '')]);
  const widths = texts.map(widest);
  const least = columns.map((column, at) => leastOf(column, texts[at] ?? []));
  const room = tableWidth - gap.length * (columns.length - 1);
  for (let excess = widths.reduce((sum, each) => sum + each, 0) - room; excess > 0; excess -= 1) {
    const spare = widths.map((width, at) => (width > (least[at] ?? 0) ? width : 0));
    const at = spare.indexOf(Math.max(...spare));
    if (!spare[at]) break;
    widths[at] = spare[at] - 1;
  }
  return widths;
}

/** The lines of one cell. */
function laidOut(column: Column, text: string, width: number): readonly string[] {
  if (text.length <= width || typeof column === 'string') return [text];
  if (column.by === 'cut') return [`${text.slice(0, width - 1).replace(/[\ud800-\udbff]$/, '')}…`];
  const lines = text.match(new RegExp(`.{1,${width}}(?: +|$)|.{1,${width}}`, 'gs')) ?? [];
  return lines.map((line) => line.trimEnd());
}

/** Columns two spaces apart. Empty when there are no rows. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const widths = widthsOf(columns, rows);
  return [columns.map(headingOf), ...rows]
    .flatMap((row) => {
      const cells = columns.map((column, at) => laidOut(column, row[at] ?? '', widths[at] ?? 0));
      const height = Math.max(...cells.map((lines) => lines.length));
      return Array.from({ length: height }, (_, line) => cells.map((lines) => lines[line] ?? ''));
    })
    .map(
      (cells) =>
        `${cells
          .map((text, at) => text.padEnd(widths[at] ?? 0))
          .join(gap)
          .trimEnd()}\n`,
    )
    .join('');
}
