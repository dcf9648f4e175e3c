#!/usr/bin/env node
// The command line's entry.
import { fail, runCommandLine } from './cli/program.ts';

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
