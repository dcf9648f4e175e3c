// Runs the built command line once for each message, all in this process: loading Node, the packages and our own modules takes
// longer than most commands. Does what main.ts does before a command, and nothing of what comes after it.
import { runCommandLine } from '../../dist/cli/program.js';

process.umask(0o077);
process.on('disconnect', () => process.exit());
process.on('message', async ({ args, cwd, env }) => {
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.exitCode = undefined;
  await runCommandLine([process.execPath, 'nolapse', ...args], process.env);
  process.send({ code: process.exitCode ?? 0 });
  process.exitCode = undefined;
});
