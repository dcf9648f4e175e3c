// nolapse evidence of a long time: more records than memory holds, and more than the disk takes.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ledgerFile } from '../../src/home/home-folder.ts';
import { openStore } from '../../src/store/index.ts';
import { Workplace } from './harness.ts';

const day = 86_400_000;
const dateOf = (instant: number): string => new Date(instant).toISOString().slice(0, 10);
const period = ['--from', dateOf(Date.now() - 3 * day), '--to', dateOf(Date.now() + 2 * day)];
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const place = new Workplace();
afterAll(() => place.remove());

describe('the evidence of a long time', () => {
  const lines = 40_000;
  let home = '';
  beforeAll(async () => {
    home = join(place.folder, 'long');
    await place.run(['init', '--home', home]);
    const { store } = openStore(ledgerFile(home));
    const words = 'changed in some way that takes many words to tell, '.repeat(42);
    for (let from = 0; from < lines; from += 5_000) {
      await store.transact(async (tx) => {
        for (let i = from; i < from + 5_000; i += 1) {
          const what = {
            action: 'device.changed',
            principalId: null,
            renewalId: null,
            detail: `device ${i}: ${words}`,
            actor: null,
          };
          await tx.record({ at: Date.now() - day + i, ...what });
        }
      });
    }
    await store.close();
  });
  const asked = () => ['evidence', '--home', home, '--framework', 'nist-csf-2.0', ...period, '--control', 'ID.AM-01'];

  it('is handed on as it is read, in memory that does not grow with it', async () => {
    const out = join(place.folder, 'long.jsonl');
    // All of the records at once would not fit: they are more than the heap may have.
    const { code, stderr } = await place.run([...asked(), '--out', out], {
      env: { NODE_OPTIONS: '--max-old-space-size=64' },
    });
    expect(stderr).toMatch(/^nolapse: the journal begins at /);
    expect(code).toBe(1);
    const text = readFileSync(out, 'utf8');
    expect(text.length).toBeGreaterThan(80_000_000);
    const raw = text.split('\n');
    expect(raw.length - 1).toBe(lines + 2);
    expect(sha256(text.slice(0, text.lastIndexOf('{"record":"seal"')))).toBe(JSON.parse(raw.at(-2) ?? '').sha256);
  });

  it('leaves no file that is not whole, when the disk takes no more of it', async () => {
    const out = join(place.folder, 'broken.jsonl');
    const limited = 'ulimit -f 20000; exec "$0" "$@"';
    const entry = resolve(import.meta.dirname, '../../dist/main.js');
    const child = spawn('sh', ['-c', limited, process.execPath, entry, ...asked(), '--out', out]);
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    const [code] = (await once(child, 'close')) as [number | null];
    expect(stderr).toContain('EFBIG');
    expect(code).toBe(2);
    expect(existsSync(out)).toBe(false);
  });
});
