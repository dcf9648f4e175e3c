#!/usr/bin/env node
// The command line's entry. The rest is loaded once the Node that runs is known to understand it, and may open what it takes.
import { tooFewDescriptors } from './domain/machine.ts';
import { DescriptorCount, descriptorLimit } from './machine/descriptors.ts';
import { tooOld } from './store/sqlite/engine.ts';

function tooFew(): string | null {
  const { open } = new DescriptorCount();
  const limit = open === null ? null : descriptorLimit();
  const what = ['start', 'demo'].includes(process.argv[2] ?? '') ? 'gateway' : 'command';
  return open === null || limit === null ? null : tooFewDescriptors({ open, limit }, what);
}

const refusal = tooOld(process.versions.node) ?? tooFew();
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
