// Draws a text in place on a terminal, again and again, until somebody interrupts or nobody reads it any more.
import { setTimeout as wait } from 'node:timers/promises';
import { OperationError } from '../app/operation-error.ts';
import { time } from './output.ts';

const home = '\u001b[H';
const toEndOfLine = '\u001b[K';
const toEndOfScreen = '\u001b[J';
export const clearScreen = '\u001b[2J';

/** The lines that fit, each to its end: nothing of what was drawn before shows through. The last line is the time. */
export function frame(
  text: string,
  now: number,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): string {
  const lines = text.trimEnd().split('\n');
  const room = Math.max(1, rows - 2);
  const shown = lines.length > room ? [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`] : lines;
  const all = [...shown, '', time(now)];
  return `${home}${all.map((line) => `${[...line].slice(0, columns).join('')}${toEndOfLine}`).join('\n')}${toEndOfScreen}`;
}

/**
 * Draws what `make` gives each `everyMs`. What `make` fails with is drawn in its place: a broker that restarts is shown again when it is
 * back. @returns when SIGINT or SIGTERM came; rejects with `invalid` where standard output is no terminal.
 */
export async function redrawn(everyMs: number, make: () => Promise<string>): Promise<void> {
  const { stdout } = process;
  if (!stdout.isTTY) throw new OperationError('invalid', ['--watch needs a terminal']);
  const over = new AbortController();
  const end = (): void => over.abort();
  const names = ['SIGINT', 'SIGTERM'] as const;
  for (const name of names) process.once(name, end);
  stdout.once('error', end);
  stdout.write(clearScreen);
  try {
    while (!over.signal.aborted) {
      const text = await make().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
      stdout.write(frame(text, Date.now(), { rows: stdout.rows, columns: stdout.columns }));
      await wait(everyMs, undefined, { signal: over.signal }).catch(() => undefined);
    }
  } finally {
    for (const name of names) process.off(name, end);
    stdout.off('error', end);
    stdout.write('\n');
  }
}
