// Which suite a test file belongs to can be told from its path: `.long.test.ts` is long by nature, test/peers needs other programs,
// the rest is `npm test`. Each file is in one suite, and .ci/run runs them all.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => join('test', file))
  .toSorted();
const isLong = (file: string): boolean => file.endsWith('.long.test.ts');
const isPeer = (file: string): boolean => file.startsWith('test/peers/');

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const suites = Object.keys(scripts).filter((name) => /^test(:|$)/.test(name));

/** The files that a suite's own configuration finds. */
function filesOf(suite: string): string[] {
  const config = /--config (\S+)/.exec(scripts[suite] ?? '')?.[1] ?? '';
  const args = [
    resolve('node_modules/vitest/vitest.mjs'),
    'list',
    '--filesOnly',
    '--json',
    '--root',
    '.',
    '--config',
    config,
  ];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
  const found = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', env })) as { file: string }[];
  return found.map(({ file }) => file.slice(process.cwd().length + 1)).toSorted();
}

describe('the suites', () => {
  it('are three', () => {
    expect(suites).toEqual(['test', 'test:long', 'test:peers']);
  });

  it.each([
    ['test', files.filter((file) => !isLong(file) && !isPeer(file))],
    ['test:long', files.filter((file) => isLong(file) && !isPeer(file))],
    ['test:peers', files.filter(isPeer)],
  ])('%s holds its files and no other', (suite, own) => {
    expect(own.length).toBeGreaterThan(1);
    expect(filesOf(suite)).toEqual(own);
  });

  it('are all run by .ci/run, and their tests are summed up', () => {
    const run = readFileSync('.ci/run', 'utf8');
    const runs = [...run.matchAll(/\bnpm (?:run )?(test\S*?)(?=\)|\s)/g)].map(([, name = '']) => name);
    expect(runs.filter((name) => suites.includes(name))).toEqual(suites);
    expect(run).toContain(`node .ci/sum.mjs "$log" ${suites.length}\n`);
  });

  it('are in the README', () => {
    const page = readFileSync('README.md', 'utf8');
    for (const suite of suites) expect(page).toContain(`| \`npm ${suite === 'test' ? suite : `run ${suite}`}\` |`);
  });
});

describe('a file whose name does not end in .long.test.ts', () => {
  const short = files.filter((file) => !isLong(file) && !isPeer(file));
  const minutesMax = 2;

  it('gives no test more than two minutes', () => {
    const asked = /\btimeout: ([\d_]+)|^ *\}, ([\d_]+)\);$/gm;
    const slow = short.filter((file) =>
      [...readFileSync(file, 'utf8').matchAll(asked)].some(
        ([, named, last]) => Number((named ?? last ?? '').replaceAll('_', '')) > minutesMax * 60_000,
      ),
    );
    expect(slow).toEqual([]);
  });

  it('kills no broker', () => {
    const killers = short.filter((file) => /from '.*\/mortal\.ts'/.test(readFileSync(file, 'utf8')));
    expect(killers).toEqual([]);
  });
});
