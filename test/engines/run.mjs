// Runs a program with an engine first on the path, so that each `node` it starts is that engine.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter } from 'node:path';

const saidMax = 4_000;

/** Our environment without what configures npm, nolapse and colours. npm compiles with the engine's own headers, not with the network's. */
export function environment({ bin, root }) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|nolapse_|node_options$|force_color$)/i.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    NO_COLOR: '1',
    PATH: bin + delimiter + process.env.PATH,
    ...(root && { npm_config_nodedir: root }),
  };
}

/** Starts a program; both streams are gathered in `said`. */
export function start(engine, command, args, options) {
  const child = spawn(command, args, { ...options, env: environment(engine), stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      said[name] += text;
    });
  }
  return { child, said };
}

/** The names of the tests that failed, and the end of what was said: vitest names them far above its closing lines. */
function excerpt({ stdout, stderr }) {
  const said = stdout + stderr;
  const failed = said.split('\n').filter((line) => line.startsWith(' FAIL '));
  return [...new Set(failed), said.slice(-saidMax)].join('\n');
}

/** Runs a program to its end. Rejects with an excerpt of what it said when it does not end with code 0. */
export async function run(engine, command, args, options) {
  const { child, said } = start(engine, command, args, options);
  const [code, signal] = await once(child, 'close');
  if (code === 0) return said;
  throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}: ${excerpt(said)}`);
}
