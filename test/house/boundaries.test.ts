// Plants a forbidden import in each folder and shows that the linter catches it, and that allowed ones pass.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const biome = resolve('node_modules/.bin/biome');
let house: string;

beforeAll(() => {
  house = mkdtempSync(join(tmpdir(), 'nolapse-house-'));
  copyFileSync('.biome.json', join(house, '.biome.json'));
});
afterAll(() => rmSync(house, { recursive: true, force: true }));

function lint(file: string, imported: string): string {
  const path = join(house, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `import type { X } from '${imported}';\n\nexport type Y = X;\n`);
  const run = spawnSync(biome, ['lint', file], { cwd: house, encoding: 'utf8' });
  const said = run.stdout + run.stderr;
  expect(said).toContain('Checked 1 file');
  return said;
}

describe('imports run downwards only', () => {
  it.each([
    ['src/domain/planted.ts', 'node:fs'],
    ['src/domain/planted.ts', 'zod'],
    ['src/domain/planted.ts', '../ports/store.ts'],
    ['src/ports/planted.ts', '../pki/pem.ts'],
    ['src/pki/planted.ts', 'node:fs'],
    ['src/pki/planted.ts', '../app/admit.ts'],
    ['src/wire/planted.ts', '../app/admit.ts'],
    ['src/app/planted.ts', '../store/index.ts'],
    ['src/app/planted.ts', 'node:fs'],
    ['src/app/renewal/planted.ts', '../../store/index.ts'],
    ['src/app/renewal/planted.ts', '../../broker/broker.ts'],
    ['src/app/planted.ts', '../nolapse.ts'],
    ['src/broker/planted.ts', '../store/index.ts'],
    ['src/store/planted.ts', '../broker/index.ts'],
    ['src/store/sqlite/planted.ts', '../mqtt/persistence.ts'],
    ['src/store/sqlite/planted.ts', '../../broker/index.ts'],
    ['src/http/planted.ts', '../authority/index.ts'],
    ['src/authority/planted.ts', '../nolapse.ts'],
    ['src/notify/planted.ts', '../http/public.ts'],
    ['src/source/planted.ts', '../store/index.ts'],
    ['src/source/planted.ts', '../config/index.ts'],
    ['src/app/planted.ts', '../home/state.ts'],
    ['src/broker/planted.ts', '../wiring/late-sessions.ts'],
    ['src/store/planted.ts', '../home/home.ts'],
    ['src/app/planted.ts', '../source/index.ts'],
    ['src/http/planted.ts', '../source/index.ts'],
    ['src/remote/planted.ts', '../domain/time.ts'],
    ['src/machine/planted.ts', '../store/index.ts'],
    ['src/machine/planted.ts', '../app/context.ts'],
    ['src/pacing/planted.ts', '../ports/clock.ts'],
    ['src/pacing/planted.ts', '../broker/broker.ts'],
    ['src/app/planted.ts', '../remote/secret.ts'],
    ['src/telemetry/planted.ts', '../app/admit.ts'],
    ['src/simulator/planted.ts', '../app/admit.ts'],
  ])('%s may not import %s', (file, imported) => {
    expect(lint(file, imported)).toContain('noRestrictedImports');
  });

  it.each([
    ['src/domain/planted.ts', './time.ts'],
    ['src/ports/planted.ts', '../domain/time.ts'],
    ['src/pki/planted.ts', '../domain/time.ts'],
    ['src/app/planted.ts', '../ports/store.ts'],
    ['src/app/renewal/planted.ts', '../../ports/store.ts'],
    ['src/broker/planted.ts', '../app/session.ts'],
    ['src/source/planted.ts', '../wire/inventory-rows.ts'],
    ['src/source/planted.ts', '../remote/exchange.ts'],
    ['src/notify/planted.ts', '../remote/secret.ts'],
    ['src/remote/planted.ts', './secret.ts'],
    ['src/machine/planted.ts', '../ports/machine.ts'],
    ['src/pacing/planted.ts', '../domain/loop-share.ts'],
    ['src/store/mqtt/planted.ts', '../sqlite/database.ts'],
    ['src/store/sqlite/planted.ts', '../bell.ts'],
    ['src/http/planted.ts', '../pacing/turns.ts'],
    ['src/broker/door/planted.ts', '../../pacing/turns.ts'],
    ['src/simulator/planted.ts', '../wire/index.ts'],
  ])('%s may import %s', (file, imported) => {
    expect(lint(file, imported)).not.toContain('noRestrictedImports');
  });
});
