// What the simulations have in common at their edges: whole numbers from the command line, and tables of text.
import { parseArgs } from 'node:util';

/** Reads `--name N` for each name, a whole number from 1 to its limit. @throws Error that names the option. */
export function readWholeNumbers<Name extends string>(
  options: Readonly<Record<Name, { readonly default: number; readonly most: number }>>,
): Record<Name, number> {
  const names = Object.keys(options) as Name[];
  const known = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({ options: known });
  const numbers = names.map((name) => {
    const { default: otherwise, most } = options[name];
    const number = Number(values[name] ?? otherwise);
    if (Number.isInteger(number) && number >= 1 && number <= most) return [name, number];
    throw new Error(`--${name}: expected a whole number from 1 to ${most}`);
  });
  return Object.fromEntries(numbers) as Record<Name, number>;
}

export const count = (value: number): string => value.toLocaleString('en');

/** Rows under each other, the first column to the left and the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const pad = (cell: string, i: number): string =>
    i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
  return rows.map((row) => `${row.map(pad).join('  ')}\n`).join('');
}
