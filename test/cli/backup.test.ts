// A home in one file and back: by the built command line, with and without a broker on the home, whole or not at all.
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

let place: Workplace;
let file: string;
let other: string;
beforeEach(async () => {
  place = new Workplace();
  file = join(place.folder, 'backup');
  other = join(place.folder, 'other');
  await place.ask('init');
  await place.ask('device', 'add', 'pump-1', '--owner', 'o');
  await place.ask('device', 'issue', 'pump-1', '--out', join(place.folder, 'pump-1'));
});
afterEach(() => place.remove());

const backUp = (...more: readonly string[]) => place.run(['backup', file, '--home', place.home, '-o', 'json', ...more]);
const restore = (from = file, home = other) => place.run(['restore', from, '--home', home, '-o', 'json']);
const partials = () => readdirSync(place.folder).filter((name) => name.endsWith('.partial'));

async function listIn(home: string): Promise<unknown> {
  const { stdout } = await place.run(['cert', 'list', '--home', home, '-o', 'json']);
  return JSON.parse(stdout);
}

describe('a backup', () => {
  it('of a home at rest becomes the same home', async () => {
    writeFileSync(join(place.home, 'nolapse.yaml'), 'classes: { default: { lifetime: 30d } }\n');
    const made = await backUp();
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('in the clear') });
    expect(JSON.parse(made.stdout)).toMatchObject({ file, keys: 'clear', bytes: statSync(file).size });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(place.folder).sort()).toEqual(['backup', 'home', 'pump-1']);
    const restored = await restore();
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(restored.stdout)).toMatchObject({ home: other, certificates: { issued: 1 } });
    expect(await listIn(other)).toEqual(await listIn(place.home));
    for (const name of readdirSync(join(place.home, 'pki'))) {
      const restored = join(other, 'pki', name);
      expect(readFileSync(restored)).toEqual(readFileSync(join(place.home, 'pki', name)));
      if (name.endsWith('.key')) expect(statSync(restored).mode & 0o777).toBe(0o600);
    }
    expect(readFileSync(join(other, 'nolapse.yaml'), 'utf8')).toContain('30d');
    expect(readdirSync(other).sort()).toEqual(['nolapse.db', 'nolapse.yaml', 'pki']);
    expect(await place.run(['doctor', '--home', other])).toMatchObject({ code: 0 });
  });

  it('replaces no file unless it is told to, and goes nowhere into the home', async () => {
    writeFileSync(file, 'mine');
    expect(await backUp()).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(await backUp('--force')).toMatchObject({ code: 0 });
    expect(await restore()).toMatchObject({ code: 0 });
    const within = ['backup', join(place.home, 'nolapse.db'), '--force', '--home', place.home];
    expect(await place.run(within)).toMatchObject({ code: 2, stderr: expect.stringContaining('is in the home') });
  });

  it('keeps the keys under their passphrase, and is restored by whoever has it', async () => {
    const env = { NOLAPSE_PASSPHRASE: 'correct horse' };
    const home = join(place.folder, 'sealed');
    await place.run(['init', '--home', home], { env });
    const made = await place.run(['backup', file, '--home', home, '-o', 'json'], { env });
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(made.stdout)).toMatchObject({ keys: 'encrypted' });
    expect(readFileSync(file).includes('correct horse')).toBe(false);
    expect(await restore(file, place.home)).toMatchObject({ code: 2, stderr: expect.stringContaining('is not empty') });
    expect(await restore()).toMatchObject({ code: 2, stderr: expect.stringContaining('is encrypted') });
    expect(readdirSync(other)).toEqual([]);
    expect(await place.run(['restore', file, '--home', other], { env })).toMatchObject({ code: 0 });
  });
});

describe('a backup while the broker runs', () => {
  let gateway: Running;
  const fill = (bytes: number): void => {
    const ledger = openSqlite(join(place.home, 'nolapse.db'));
    ledger.exec(`CREATE TABLE filling (x); INSERT INTO filling VALUES (randomblob(${bytes}))`);
    ledger.close();
  };
  afterEach(() => end(gateway));

  it('holds what was committed, and the broker goes on', async () => {
    gateway = await startNolapse(place);
    await place.ask('device', 'add', 'pump-2', '--owner', 'o');
    expect(await backUp()).toMatchObject({ code: 0 });
    await place.ask('device', 'add', 'pump-3', '--owner', 'o');
    expect(await restore()).toMatchObject({ code: 0 });
    const { stdout } = await place.run(['device', 'list', '--home', other, '-o', 'json']);
    expect(JSON.parse(stdout).map(({ id }: { id: string }) => id)).toEqual(['pump-1', 'pump-2']);
  });

  it.each(['the command', 'the broker'] as const)('leaves nothing under the name when %s is killed', async (which) => {
    fill(48 * 1_048_576);
    gateway = await startNolapse(place);
    const watcher = watch(place.folder);
    const begun = once(watcher, 'change');
    const command = place.spawn(['backup', file, '--home', place.home]);
    const ended = once(command, 'exit');
    await begun;
    watcher.close();
    if (which === 'the command') command.kill('SIGKILL');
    else await end(gateway, 'SIGKILL');
    const [code] = await ended;
    expect(code).not.toBe(0);
    expect(existsSync(file)).toBe(false);
    if (which === 'the broker') expect(partials()).toEqual([]);
    if (which === 'the broker') gateway = await startNolapse(place);
    // The copy of the killed command may still be under way.
    await expect.poll(async () => (await backUp()).code).toBe(0);
    expect(await restore()).toMatchObject({ code: 0 });
  });
});
