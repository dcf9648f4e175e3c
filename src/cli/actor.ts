// Who has a command carried out: the user of this process, or the name that was given, and the reason that was given.
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import { type Actor, actorFaults } from '../domain/actor.ts';

/** The option of a command that changes something and has no reason of its own. */
export function withReason(command: Command): Command {
  return command.option('--reason <text>', 'why: kept in the journal');
}

/** The user whose process this is, as the system has it; of one without a name, as in a container, the number. */
export function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** Fails with an OperationError `invalid` where name or reason cannot be kept: over the socket they are in a header, which has a bound. */
export function actorOf({ by, reason }: { readonly by?: string; readonly reason?: string }): Actor {
  const said = by?.trim();
  const actor: Actor = {
    name: said || currentUser(),
    channel: 'command line',
    claimed: Boolean(said),
    reason: reason?.trim() || null,
  };
  const faults = actorFaults(actor);
  if (faults.length > 0) throw new OperationError('invalid', faults);
  return actor;
}
