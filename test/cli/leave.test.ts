// A process ends although one of its threads never comes back from the kernel.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

let folder: string;
let pipe: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-leave-'));
  pipe = join(folder, 'pipe');
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(program: string): Promise<{ code: number | null; signal: string | null }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return { code, signal };
}

const module = resolve('dist/cli/leave.js');

it('by SIGTERM, whoever listens to that, while a thread opens a pipe that nobody writes into', async () => {
  const program = `
    import { open } from 'node:fs';
    import { leave } from ${JSON.stringify(module)};
    process.on('SIGTERM', () => undefined);
    open(${JSON.stringify(pipe)}, 'r', () => undefined);
    setTimeout(() => leave(0), 100);`;
  expect(await run(program)).toEqual({ code: null, signal: 'SIGTERM' });
});

it('with its exit code where no thread is at work', async () => {
  const program = `
    import { leaveWithin } from ${JSON.stringify(module)};
    process.exitCode = 1;
    setInterval(() => undefined, 1_000);
    leaveWithin(10);`;
  expect(await run(program)).toEqual({ code: 1, signal: null });
});
