// The options of every command whose decision may cost devices their renewal, and is refused then unless somebody insists.
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { Insistence } from '../app/decision-views.ts';

export interface InsistenceOptions {
  readonly force?: boolean;
  readonly reason?: string;
  readonly by?: string;
}

export function withInsistence(command: Command): Command {
  return command
    .option('--force', 'apply it although it would be refused')
    .option('--reason <text>', 'why, with --force: kept in the journal')
    .option('--by <name>', 'who decides, with --force (default: the user of this shell)');
}

/** Of a user without a name, as in a container, the number. */
function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

export function insistenceOf({ force, reason, by }: InsistenceOptions): Insistence {
  if (!force) return reason === undefined ? {} : { reason };
  return { force, by: by ?? currentUser(), ...(reason !== undefined && { reason }) };
}
