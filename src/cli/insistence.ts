// The options of every command whose decision may cost devices their renewal, and is refused then unless somebody insists.
import type { Command } from 'commander';
import type { Insistence } from '../app/views/decisions.ts';
import { currentUser } from './actor.ts';

export interface InsistenceOptions {
  readonly force?: boolean;
  readonly reason?: string;
  readonly by?: string;
}

export function withInsistence(command: Command): Command {
  return command
    .option('--force', 'apply it although it would be refused')
    .option('--reason <text>', 'why: kept in the journal, and needed with --force')
    .option('--by <name>', 'who decides (default: the user of this shell)');
}

export function insistenceOf({ force, reason, by }: InsistenceOptions): Insistence {
  if (!force) return {};
  return { force, by: by ?? currentUser(), ...(reason !== undefined && { reason }) };
}
