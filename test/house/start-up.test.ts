// Each command loads what it needs and no more: most ask a running broker, and answer without the weight of one. What a process
// has loaded is what V8 itself says at its end.
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Workplace } from '../cli/harness.ts';
import { end, type Running, startNolapse } from '../cli/nolapse-process.ts';

let place: Workplace;
beforeAll(() => {
  place = new Workplace();
});
afterAll(() => place.remove());

/** The packages that a command has run anything of, by name. */
async function packagesOf(args: readonly string[]): Promise<string[]> {
  const folder = mkdtempSync(join(place.folder, 'loaded-'));
  const { code, stderr } = await place.run(args, { env: { NODE_V8_COVERAGE: folder } });
  if (code === 2) throw new Error(stderr);
  const scripts = readdirSync(folder).flatMap((name) => scriptsIn(join(folder, name)));
  expect(scripts.some((url) => url.endsWith('/dist/main.js'))).toBe(true);
  const names = scripts.map((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].toSorted();
}

function scriptsIn(file: string): string[] {
  const { result } = JSON.parse(readFileSync(file, 'utf8')) as { result: { url: string }[] };
  return result.map(({ url }) => url);
}

describe('what needs no broker', () => {
  it.each(['--help', '--version', 'start --help', 'demo --help'])(
    'loads no package but commander: nolapse %s',
    async (line) => {
      expect(await packagesOf(line.split(' '))).toEqual(['commander']);
    },
  );
});

describe('on a running broker', () => {
  let gateway: Running;
  beforeAll(async () => {
    gateway = await startNolapse(place);
    await place.ask('device', 'add', 'pump-1', '--owner', 'water');
  });
  afterAll(() => end(gateway));

  it.each([
    'device list',
    'device show pump-1',
    'device issue pump-1 --out credentials',
    'delegation list',
    'renewal list',
    'cert list',
    'crl',
    'campaign list',
    'forecast',
    'finding list --fresh',
    'alert list',
    'evidence --framework nist-csf-2.0 --from 2026-01-01 --to 2026-02-01',
    'policy list',
    'policy explain pump-1',
    'source list',
    'reconcile',
    'reload',
    'doctor',
  ])('loads no package but commander: nolapse %s', async (line) => {
    expect(await packagesOf([...line.split(' '), '--home', place.home])).toEqual(['commander']);
  });
});

describe('on a home at rest', () => {
  it('loads the ledger and the configuration, and neither broker nor web server: nolapse init', async () => {
    const packages = await packagesOf(['init', '--home', join(place.folder, 'other')]);
    expect(packages).toEqual(expect.arrayContaining(['commander', 'kysely', 'pino', 'yaml', 'zod']));
    // One driver, the one for this Node.
    expect(packages.filter((name) => name.startsWith('better-sqlite3'))).toHaveLength(1);
    for (const name of ['aedes', 'fastify', 'mqtt', 'ws']) expect(packages).not.toContain(name);
  });
});
