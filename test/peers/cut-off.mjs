// Stands in for one of mosquitto's clients, or for mv: runs the real one and counts each message it sent or received, and each rename, in a
// file that all stand-ins share; what was received is kept beside it. When the one asked for has gone by, it kills its whole session, as a
// power cut would.
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [program, ...args] = process.argv.slice(2);
const { CUT_COUNT: count, CUT_AFTER: after } = process.env;

function message() {
  appendFileSync(count, '.');
  if (Number(after) === 0 || statSync(count).size < Number(after)) return;
  // The sixth field of stat is the session; timeout(1) makes groups of its own in it.
  const [, , , session] = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1).split(' ');
  process.kill(-Number(session), 'SIGKILL');
  process.kill(0, 'SIGKILL');
}

const listens = program.endsWith('_sub');
const child = spawn(program, args, { stdio: ['inherit', listens ? 'pipe' : 'inherit', 'inherit'] });
process.on('SIGTERM', () => child.kill());
if (listens) {
  createInterface({ input: child.stdout }).on('line', (line) => {
    appendFileSync(`${count}.heard`, `${line}\n`);
    process.stdout.write(`${line}\n`, message);
  });
}
child.on('close', (code) => {
  if (!listens && code === 0) message();
  process.exitCode = code ?? 1;
});
