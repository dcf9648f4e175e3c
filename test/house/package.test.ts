// The package of a release has everything of ours that runs: unpacked beside the packages that it names and nothing else of the
// repository, it prints its help, makes a home and shows a runbook.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly devDependencies?: unknown;
  readonly scripts?: unknown;
}

const minuteMs = 60_000;

let folder = '';
let unpacked = '';
let manifest: Manifest;

function run(command: string, args: readonly string[], cwd: string): { code: number | null; output: string } {
  const kept = Object.entries(process.env).filter(([name]) => !/^(NOLAPSE_|npm_|VITEST)/i.test(name));
  const options = { cwd, env: Object.fromEntries(kept), encoding: 'utf8', timeout: minuteMs } as const;
  const { status, stdout, stderr } = spawnSync(command, args, options);
  return { code: status, output: stdout + stderr };
}

function nolapse(...args: string[]): { code: number | null; output: string } {
  return run(process.execPath, [join(unpacked, manifest.bin['nolapse'] ?? ''), ...args], folder);
}

/** Puts what npm would install beside the unpacked package: all but tools. The driver for another Node is not installed here. */
function lendPackages(): void {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, { dev?: true }> };
  for (const [path, { dev }] of Object.entries(lock.packages)) {
    const isNested = path.lastIndexOf('node_modules/') > 0;
    if (dev || isNested || !path.startsWith('node_modules/') || !existsSync(path)) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(resolve(path), join(folder, path));
  }
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-package-'));
  const packed = run(process.execPath, ['tools/pack.mjs', folder], '.');
  expect(packed.code, packed.output).toBe(0);
  const [tarball = ''] = packed.output.split('\n');
  mkdirSync(join(folder, 'node_modules'));
  const untarred = run('tar', ['-xzf', tarball, '-C', join(folder, 'node_modules')], '.');
  expect(untarred.code, untarred.output).toBe(0);
  unpacked = join(folder, 'node_modules/package');
  manifest = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')) as Manifest;
  lendPackages();
}, 2 * minuteMs);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the package of a release', () => {
  it('prints its help and its version', () => {
    expect(nolapse('--help')).toMatchObject({ code: 0, output: expect.stringContaining('Usage: nolapse') });
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(nolapse('--version')).toEqual({ code: 0, output: `${version}\n` });
  });

  it('makes a home, and looks it over', () => {
    const home = join(folder, 'home');
    mkdirSync(home, { mode: 0o700 });
    expect(nolapse('init', '--home', home)).toMatchObject({ code: 0, output: expect.stringContaining('is ready') });
    expect(existsSync(join(home, 'pki/issuing.crt'))).toBe(true);
    expect(nolapse('doctor', '--home', home).output).toContain('root certificate');
  });

  it('has the pages that runbooks are printed from', () => {
    expect(nolapse('runbook', 'lapsed')).toMatchObject({ code: 0, output: expect.stringContaining('Look') });
  });

  it('needs no tools and runs nothing of its own when it is installed', () => {
    expect([manifest.devDependencies, manifest.scripts]).toEqual([undefined, undefined]);
    const local = Object.values({ ...manifest.dependencies, ...manifest.optionalDependencies });
    expect(local.filter((version) => /^(file|link|git)/.test(version))).toEqual([]);
    expect(Object.keys(manifest.optionalDependencies).toSorted()).toEqual(['better-sqlite3', 'better-sqlite3-12']);
  });

  it('lists the licence of every package that is installed with it, with its text', () => {
    const page = readFileSync(join(unpacked, 'LICENSES.md'), 'utf8');
    for (const name of Object.keys(manifest.dependencies)) {
      expect(page).toMatch(new RegExp(`^\\| ${name} \\| \\S+ \\| [^|]+ \\|$`, 'm'));
      expect(page).toMatch(new RegExp(`^## ${name} \\d`, 'm'));
    }
    expect(page).not.toMatch(/^\| vitest /m);
  });
});
