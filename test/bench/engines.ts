// Runs the bench on several lines of Node, one after another: npm's `node` package gives each engine, and a copy of this checkout is
// installed with it, as test/engines does. What is measured, and how, is the bench's on every engine.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Figure } from './figure.ts';
import { type OnEngine, tableOf } from './table.ts';

interface Engine {
  readonly version: string;
}

/** Modules of test/engines, which are run as they stand. */
interface Install {
  installEngine(name: string, place: string): Promise<Engine>;
  installNolapse(engine: Engine, copy: string): Promise<void>;
}
interface Run {
  run(engine: Engine, command: string, args: readonly string[], options: { readonly cwd: string }): Promise<unknown>;
}

const load = async <Module>(file: string): Promise<Module> =>
  (await import(new URL(`../../../test/engines/${file}`, import.meta.url).href)) as Module;

async function benchOn(name: string, folder: string, only: readonly string[]): Promise<OnEngine> {
  const { installEngine, installNolapse } = await load<Install>('install.mjs');
  const { run } = await load<Run>('run.mjs');
  const place = join(folder, name);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  const engine = await installEngine(name, place);
  const { version } = engine;
  const [copy, file] = [join(place, 'copy'), join(place, 'figures.json')];
  try {
    console.log(`Node ${version}: installing`);
    await installNolapse(engine, copy);
    console.log(`Node ${version}: measuring`);
    const parts = only.flatMap((part) => ['--only', part]);
    await run(engine, 'npm', ['run', 'bench', '--', ...parts, '--json', file], { cwd: copy });
    return { version, figures: JSON.parse(readFileSync(file, 'utf8')) as Figure[] };
  } catch (error) {
    console.error(`Node ${version}: ${error instanceof Error ? error.message : String(error)}`);
    return { version, figures: null };
  }
}

/**
 * Prints one table of what each engine gives.
 * @param names versions, or lines of them such as `24`; `here` is the Node that runs this.
 * @param only the parts of the bench; none: all of them.
 * @param kept where engines and copies are put, and left; absent: in a folder that is removed at the end.
 * @returns whether the bench went through on every engine.
 */
export async function onEngines(names: readonly string[], only: readonly string[], kept?: string): Promise<boolean> {
  const folder = resolve(kept ?? mkdtempSync(join(tmpdir(), 'nolapse-bench-engines-')));
  const results: OnEngine[] = [];
  try {
    for (const name of names) results.push(await benchOn(name, folder, only));
  } finally {
    if (kept === undefined) rmSync(folder, { recursive: true, force: true });
  }
  console.log(`\n${tableOf(results).join('\n')}`);
  return results.every(({ figures }) => figures !== null);
}
