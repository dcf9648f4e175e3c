// Which SQLite driver is loaded on which Node, and that package.json, the lock file and the code say the same.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  chooseDriver,
  type DriverPackage,
  type Loaded,
  testedLines,
  tooOld,
} from '../../../src/store/sqlite/engine.ts';

function choose(version: string, found: Loaded<string> = { driver: 'the driver' }) {
  const asked: DriverPackage[] = [];
  const choice = chooseDriver<string>(version, (name) => {
    asked.push(name);
    return found;
  });
  return { choice, asked };
}

const text = (file: string): string => readFileSync(file, 'utf8');

describe('the SQLite driver', () => {
  it.each([
    ['20.19.0', 'better-sqlite3-12'],
    ['20.20.2', 'better-sqlite3-12'],
    ['22.14.0', 'better-sqlite3'],
    ['22.23.3', 'better-sqlite3'],
    ['24.0.0', 'better-sqlite3'],
    ['24.21.0', 'better-sqlite3'],
    ['26.10.0', 'better-sqlite3'],
  ])('on Node %s is %s, and no other is loaded', (version, name) => {
    expect(choose(version)).toEqual({ choice: { driver: 'the driver' }, asked: [name] });
  });

  it.each([
    '0.12.0',
    '18.20.8',
    '20.18.3',
    '21.7.3',
    '22.13.1',
    '23.11.1',
    '25.9.0',
    '27.0.0',
    '28.1.0',
    '26.0.0-nightly',
    'x',
  ])('on Node %s is none, and none is loaded', (version) => {
    const { choice, asked } = choose(version);
    expect(asked).toEqual([]);
    expect(choice).toEqual({
      refusal: `nolapse is not tested on Node ${version}: run it with Node 20 (from 20.19), 22 (from 22.14), 24 or 26`,
    });
  });

  it.each([
    [
      '20.20.2',
      { missing: true },
      'is not installed: run "npm ci" again with this Node, and have a C++ compiler, make and Python 3 ready',
    ],
    ['24.21.0', { missing: true }, 'is not installed: run "npm ci" again with this Node'],
    [
      '22.23.3',
      { broken: 'compiled for\n another Node\n' },
      'does not load (compiled for another Node): run "npm ci" again with this Node',
    ],
  ] as const)('on Node %s with %o is asked for in one line', (version, found, says) => {
    expect(choose(version, found).choice).toEqual({ refusal: `the SQLite driver for Node ${version} ${says}` });
  });

  it.each([
    ['18.20.8', false],
    ['20.18.3', false],
    ['20.19.0', true],
    ['25.9.0', true],
  ])('lets Node %s read the rest of the code: %s', (version, may) => {
    expect(tooOld(version) === null).toBe(may);
  });
});

describe('the packages', () => {
  const manifest = JSON.parse(text('package.json')) as {
    engines: { node: string };
    optionalDependencies: Record<string, string>;
    allowScripts: Record<string, boolean>;
  };
  const forNode20 = JSON.parse(text('src/store/sqlite/node-20/package.json')) as {
    engines: { node: string };
    dependencies: Record<string, string>;
  };
  const lock = JSON.parse(text('package-lock.json')) as {
    packages: Record<
      string,
      { version: string; optional?: boolean; engines?: { node: string }; hasInstallScript?: true }
    >;
  };

  it('are for the lines of Node that were tested, and for no other', () => {
    expect(manifest.engines.node).toBe(testedLines.map(({ major, minor }) => `^${major}.${minor}.0`).join(' || '));
  });

  it('are optional, and skipped by npm where they would crash', () => {
    expect(lock.packages['node_modules/better-sqlite3']).toMatchObject({
      optional: true,
      engines: { node: '>=22' },
    });
    expect(forNode20.engines.node).toBe('20.x');
    expect(lock.packages['node_modules/nolapse-node-20']).toMatchObject({ optional: true, engines: { node: '20.x' } });
    expect(lock.packages['node_modules/better-sqlite3-12']).toMatchObject({ optional: true });
    expect(text('.npmrc')).toMatch(/^install-links=true$/m);
  });

  it('may run the install script of the one that must be compiled, in a lock file with or without addresses', () => {
    // By name alone: where the lock file holds no addresses, npm knows no version, and a denied version denies the other one too.
    expect(manifest.allowScripts).toEqual({ 'better-sqlite3': true });
    expect(lock.packages['node_modules/better-sqlite3-12']).toMatchObject({ hasInstallScript: true });
    expect(lock.packages['node_modules/better-sqlite3']).not.toHaveProperty('hasInstallScript');
  });

  it('are imported in one place', () => {
    const importers = ['src', 'test'].flatMap((root) =>
      readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((file) => /\.(ts|mjs)$/.test(file))
        .map((file) => join(root, file))
        .filter((file) => /(from|require\(|import\() ?'better-sqlite3/.test(text(file))),
    );
    expect(importers).toEqual(['src/store/sqlite/sqlite.ts']);
  });
});
