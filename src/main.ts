#!/usr/bin/env node
// The command line's entry. The rest is loaded once the Node that runs is known to understand it.
import { tooOld } from './store/engine.ts';

const refusal = tooOld(process.versions.node);
if (refusal !== null) {
  process.stderr.write(`nolapse: ${refusal}\n`);
  process.exit(2);
}

const [{ fail, runCommandLine }, { leave, leaveWithin }] = await Promise.all([
  import('./cli/program.ts'),
  import('./cli/leave.ts'),
]);

/** How long somebody who does not read may keep a command that failed from ending. */
const unreadMs = 5_000;

// Databases, keys and sockets that are made on the way belong to their owner alone.
process.umask(0o077);
process.on('uncaughtException', (error) => {
  fail(error, process.env);
  leave(2);
});
// Whoever reads our answer may have seen enough of it: the command goes on to its end, for its exit code.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// Where it cannot be said what is wrong, the exit code says that something is.
process.stderr.on('error', () => undefined);

await runCommandLine(process.argv, process.env);
if (process.exitCode === 2) leaveWithin(unreadMs);
