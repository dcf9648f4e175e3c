// What the C client holds of roots and ports, takes of steps and tries, is what src/domain/trust-store.ts says, whatever happens in whatever
// order.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cAbsent } from './c-build.ts';
import { expectEachAnswer, expected, line, stories } from './trust-devices/model.ts';

let built: string;
beforeAll(() => {
  if (cAbsent) return;
  built = mkdtempSync(join(tmpdir(), 'nolapse-model-'));
  const [model, trust] = [resolve('test/peers/trust-model.c'), resolve('examples/c/trust.c')];
  const flags = ['-std=c11', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined'];
  for (const together of [1, 2]) {
    const words = [...flags, `-DROOTS_TOGETHER=${together}`, `-I${resolve('examples/c')}`, model, trust];
    const { status, stderr } = spawnSync('gcc', [...words, '-o', join(built, String(together))], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  }
});
afterAll(() => {
  if (!cAbsent) rmSync(built, { recursive: true });
});

describe.skipIf(cAbsent)('the roots of the C client', () => {
  it.each([1, 2])('are what the model holds, with %i of them for TLS at once', (together) => {
    const seen: string[] = [];
    const all = stories(together, 3_000);
    const input = all.map((happenings) => ['new 1 8883', ...happenings.map(line)].join('\n')).join('\n');
    const { stdout, stderr } = spawnSync(join(built, String(together)), {
      input: `${input}\n`,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    expect(stderr).toBe('');
    const printed = stdout.split('\n').values();
    for (const happenings of all) {
      printed.next();
      const lines = happenings.map(() => printed.next().value ?? '');
      seen.push(...lines);
      expect(lines, happenings.map(line).join('\n')).toEqual(expected(happenings, together));
    }
    expectEachAnswer(seen);
  });
});
