// An engine from npm's `node` package, and a fresh copy of the checkout installed with it.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { run } from './run.mjs';

const checkout = resolve(import.meta.dirname, '../..');

/** The folder of bin/node and include/node: the package for this platform, which the `node` package depends on. */
function rootOf(place) {
  const candidates = [join(place, 'node_modules'), join(place, 'node_modules/node/node_modules')];
  for (const modules of candidates.filter((each) => existsSync(each))) {
    const name = readdirSync(modules).find((each) => existsSync(join(modules, each, 'include/node/node.h')));
    if (name) return join(modules, name);
  }
  throw new Error(`no engine in ${place}`);
}

const versionOf = (bin) => execFileSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' }).trim().slice(1);

/** @param name a version or a line of them, such as `24`, or `here`. */
export async function installEngine(name, place) {
  const here = { bin: dirname(process.execPath), root: null, version: process.versions.node };
  if (name === 'here') return here;
  await run(
    here,
    'npm',
    ['install', `node@${name}`, '--prefix', place, '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: place,
    },
  );
  const root = rootOf(place);
  const bin = join(root, 'bin');
  return { bin, root, version: versionOf(bin) };
}

/** Copies what git knows, as it stands, and installs it as the README says. */
export async function installNolapse(engine, copy) {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: checkout, encoding: 'utf8' })
    .split('\0')
    .filter(Boolean);
  for (const file of files.filter((each) => existsSync(join(checkout, each)))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    copyFileSync(join(checkout, file), join(copy, file));
  }
  await run(engine, 'npm', ['ci', '--no-audit', '--no-fund'], { cwd: copy });
}
