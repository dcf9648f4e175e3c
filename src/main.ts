#!/usr/bin/env node
// The command line's entry. The rest is loaded once the Node that runs is known to understand it.
import { tooOld } from './store/engine.ts';

const refusal = tooOld(process.versions.node);
if (refusal !== null) {
  process.stderr.write(`nolapse: ${refusal}\n`);
  process.exit(2);
}

const { fail, runCommandLine } = await import('./cli/program.ts');

// Databases, keys and sockets that are made on the way belong to their owner alone.
process.umask(0o077);
process.on('uncaughtException', (error) => {
  fail(error, process.env);
  process.exit(2);
});
// Whoever reads our output may have seen enough of it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

await runCommandLine(process.argv, process.env);
