// The option of every command that touches many or cannot be undone, and how its answer says that nothing was done.
import type { Command } from 'commander';
import type { DryRunView } from '../app/views/decisions.ts';
import { plain } from './output.ts';

export interface DryRunOptions {
  readonly dryRun?: boolean;
}

export function withDryRun(command: Command): Command {
  return command.option('--dry-run', 'only show what it would do');
}

/** As operations take it. */
export function dryRunOf({ dryRun }: DryRunOptions): { readonly dryRun?: true } {
  return dryRun ? { dryRun } : {};
}

/** The lines of an answer; those of a dry run stand between what would be recorded and the word that nothing was done. */
export function answerWords(lines: readonly string[], dryRun: DryRunView | undefined): string {
  if (!dryRun) return lines.map((line) => `${line}\n`).join('');
  const { steps, more } = dryRun;
  const all = [...steps.map(plain), ...(more > 0 ? [`and ${more} more`] : []), ...lines, 'nothing was done: a dry run'];
  return all.map((line) => `${line}\n`).join('');
}
