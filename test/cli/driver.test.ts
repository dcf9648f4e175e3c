// A Node without a safe SQLite driver: every command that opens a home is refused with one line, exit code 2, and nothing made.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const drivers = ['better-sqlite3', 'better-sqlite3-12'];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-driver-'));
  expect(run(resolve('.'), ['init', '--home', 'made']).code).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An installation of its own: our dist, and our packages but the drivers. */
function install(name: string): string {
  const place = join(folder, name);
  const packages = join(place, 'node_modules');
  mkdirSync(packages, { recursive: true });
  for (const each of ['dist', 'package.json']) cpSync(each, join(place, each), { recursive: true });
  for (const each of readdirSync('node_modules')) {
    if (!drivers.includes(each)) symlinkSync(resolve('node_modules', each), join(packages, each));
  }
  return place;
}

/** The drivers that are installed here, with text where their binaries were. */
function breakDrivers(place: string): void {
  for (const name of drivers.filter((each) => existsSync(join('node_modules', each)))) {
    const copy = join(place, 'node_modules', name);
    cpSync(join('node_modules', name, 'package.json'), join(copy, 'package.json'));
    cpSync(join('node_modules', name, 'lib'), join(copy, 'lib'), { recursive: true });
    mkdirSync(join(copy, 'build/Release'), { recursive: true });
    writeFileSync(join(copy, 'build/Release/better_sqlite3.node'), 'made for\nanother Node');
  }
}

/** A module to load first, after which Node takes itself for another. */
function pretending(version: string): Readonly<Record<string, string>> {
  const file = join(folder, `${version}.cjs`);
  writeFileSync(
    file,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });\n`,
  );
  return { NODE_OPTIONS: `--require ${file}` };
}

function run(place: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const outcome = spawnSync(process.execPath, [join(place, 'dist/main.js'), ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  return { code: outcome.status, stdout: outcome.stdout, stderr: outcome.stderr };
}

/** The first two would make a home, the others have one. */
const commands = [
  'init --home new',
  'demo --home new',
  'start --home made',
  'doctor --home made',
  'device list --home made',
  'device issue pump-1 --out issued --home made',
];

describe('on a Node that was not tested', () => {
  it.each(commands)('refuses with one line and makes nothing: %s', (line) => {
    const { code, stdout, stderr } = run(resolve('.'), line.split(' '), pretending('25.9.0'));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toBe(
      'nolapse: nolapse is not tested on Node 25.9.0: run it with Node 20 (from 20.19), 22 (from 22.14), 24 or 26\n',
    );
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });

  it('still tells its version and its commands, for which no driver is needed', () => {
    expect(run(resolve('.'), ['--version'], pretending('25.9.0')).code).toBe(0);
  });

  it('refuses everything on a Node that is older than the code', () => {
    const { code, stderr } = run(resolve('.'), ['--version'], pretending('18.20.8'));
    expect(code).toBe(2);
    expect(stderr).toMatch(/^nolapse: nolapse is not tested on Node 18\.20\.8: .*\n$/);
  });
});

describe('where the driver', () => {
  it.each([
    ['is missing', () => undefined, 'is not installed'],
    ['is made for another Node', breakDrivers, 'does not load \\(.+\\)'],
  ])('%s, says to install again', (name, damage, fault) => {
    const place = install(name.replaceAll(' ', '-'));
    damage(place);
    for (const line of ['init --home new', 'start --home made', 'device list --home made']) {
      const { code, stderr } = run(place, line.split(' '));
      expect(code, line).toBe(2);
      expect(stderr, line).toMatch(
        new RegExp(`^nolapse: the SQLite driver for Node ${process.versions.node} ${fault}: run "npm ci" again .*\n$`),
      );
    }
    const check = spawnSync(process.execPath, [join(place, 'dist/check-driver.js')], { encoding: 'utf8' });
    expect([check.status, check.stderr]).toEqual([2, expect.stringMatching(/^nolapse: the SQLite driver .*\n$/)]);
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });
});
