// Runs nolapse on other lines of Node: for each, npm's `node` package gives the engine and its headers, a fresh copy of the checkout is
// installed with it, and then come the tests, issues in a row, starts in a row and a while of idling, on a home with history.
// usage: node test/engines/main.mjs [--engines 22,24,26] [--suite all|none|FILE,...] [--devices 200] [--history 60] [--issues 100]
//        [--starts 50] [--idle 600] [--folder DIR]        history and idle are seconds; `here` is an engine: the Node that runs this
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { installEngine, installNolapse } from './install.mjs';
import { idle, issues, makeHistory, starts } from './loops.mjs';
import { run } from './run.mjs';

const { values } = parseArgs({
  options: {
    engines: { type: 'string', default: '22,24,26' },
    suite: { type: 'string', default: 'all' },
    devices: { type: 'string', default: '200' },
    history: { type: 'string', default: '60' },
    issues: { type: 'string', default: '100' },
    starts: { type: 'string', default: '50' },
    idle: { type: 'string', default: '600' },
    folder: { type: 'string' },
  },
});
const folder = resolve(values.folder ?? mkdtempSync(join(tmpdir(), 'nolapse-engines-')));

/** The suites to run, each with the files it is limited to: none means all of them. */
function suites() {
  const files = values.suite === 'all' ? [] : values.suite.split(',');
  const long = files.filter((file) => file.endsWith('.long.test.ts'));
  const short = files.filter((file) => !long.includes(file));
  const all = [
    ['test/vitest.config.ts', short],
    ['test/vitest.long.config.ts', long],
  ];
  return files.length === 0 ? all : all.filter(([, own]) => own.length > 0);
}

/** @returns what vitest's closing lines say. */
async function suite(engine, copy) {
  const closing = [];
  for (const [config, files] of suites()) {
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--root', '.', '--config', config, ...files];
    const { stdout } = await run(engine, 'node', args, { cwd: copy });
    closing.push(/^ +Tests +(.*)$/m.exec(stdout)?.[1] ?? 'no closing line');
  }
  return closing.join('; ');
}

function stepsOf(engine, copy, home) {
  const devices = Number(values.devices);
  return [
    ['npm ci', () => installNolapse(engine, copy)],
    ['history', () => makeHistory(engine, copy, home, { seconds: Number(values.history), devices })],
    [`${values.issues} issues`, () => issues(engine, copy, home, Number(values.issues))],
    [`${values.starts} starts`, () => starts(engine, copy, home, Number(values.starts))],
    [`idle ${values.idle} s`, () => idle(engine, copy, home, Number(values.idle))],
    ...(values.suite === 'none' ? [] : [['tests', () => suite(engine, copy)]]),
  ];
}

/** Runs every step, also after one has failed: each says something. @returns how many failed. */
async function tryEngine(name) {
  const place = join(folder, name);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  const engine = await installEngine(name, place);
  console.log(`Node ${engine.version}`);
  let failures = 0;
  for (const [step, work] of stepsOf(engine, join(place, 'copy'), join(place, 'home'))) {
    const since = performance.now();
    const took = () => `${((performance.now() - since) / 1_000).toFixed(1)} s`;
    try {
      console.log(`  ${step}: ${(await work()) ?? 'ok'} (${took()})`);
    } catch (error) {
      failures += 1;
      console.log(`  ${step}: FAILED (${took()}): ${error.message}`);
      if (step === 'npm ci') break;
    }
  }
  return failures;
}

let failures = 0;
for (const name of values.engines.split(',')) failures += await tryEngine(name);
console.log(failures === 0 ? 'every step passed' : `${failures} steps failed`);
if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
process.exitCode = failures === 0 ? 0 : 1;
