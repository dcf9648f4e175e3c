// What the bench says on several engines, in one table: a row for each figure, a column for each engine.
import type { Figure } from './figure.ts';

export interface OnEngine {
  /** Of the engine, such as `24.19.0`. */
  readonly version: string;
  /** Null: the bench failed on it. */
  readonly figures: readonly Figure[] | null;
}

const [missed, failed, absent] = ['*', 'failed', '-'];

/** What was measured without what explains it, which stands in brackets behind it; marked where the goal was missed. */
function cellOf({ figures }: OnEngine, name: string): string {
  if (figures === null) return failed;
  const figure = figures.find((each) => each.name === name);
  if (!figure) return absent;
  const measured = figure.measured.split(' (')[0] ?? '';
  return figure.goal && !figure.met ? `${measured}${missed}` : measured;
}

/** The lines of the table, the goals behind it, and what the mark means where one is in it. */
export function tableOf(results: readonly OnEngine[]): string[] {
  const goals = new Map(
    results.flatMap(({ figures }) => (figures ?? []).map(({ name, goal }) => [name, goal] as const)),
  );
  const head = ['', ...results.map(({ version }) => `Node ${version}`), 'goal'];
  const rows = [...goals].map(([name, goal]) => [name, ...results.map((each) => cellOf(each, name)), goal]);
  const all = goals.size > 0 ? [head, ...rows] : [head, ['', ...results.map((each) => cellOf(each, '')), '']];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return rows.some((row) => row.some((text) => text.endsWith(missed))) ? [...lines, '', `${missed} not met`] : lines;
}
