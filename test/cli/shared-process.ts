// One process that runs many commands one after another, and what each of them wrote. For commands whose answer is tested, not how their
// process starts and ends.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Outcome } from './harness.ts';

const entry = resolve(import.meta.dirname, 'many-commands.mjs');

/** A file without a name that a process writes to as its output. */
class Output {
  readonly descriptor: number;

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'nolapse-output-'));
    this.descriptor = openSync(join(folder, 'output'), 'a+');
    rmSync(folder, { recursive: true });
  }

  /** What was written since this was asked last. */
  take(): string {
    const bytes = Buffer.alloc(fstatSync(this.descriptor).size);
    readSync(this.descriptor, bytes, 0, bytes.length, 0);
    ftruncateSync(this.descriptor);
    return bytes.toString();
  }
}

export interface Order {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

class SharedProcess {
  readonly #stdout = new Output();
  readonly #stderr = new Output();
  #child: ChildProcess | null = null;
  isBusy = false;

  /** Only while it is not busy. */
  async run(order: Order): Promise<Outcome> {
    this.isBusy = true;
    const over = new AbortController();
    try {
      const child = this.#started();
      child.send(order);
      const gone = once(child, 'exit', over).then(([code, signal]) => {
        throw new Error(`the process ended with ${code ?? signal}: ${this.#stderr.take()}`);
      });
      const [{ code }] = (await Promise.race([once(child, 'message', over), gone])) as [{ code: number }];
      return { code, stdout: this.#stdout.take(), stderr: this.#stderr.take() };
    } finally {
      // Whoever waits for the other of the two listens no more.
      over.abort();
      this.isBusy = false;
    }
  }

  #started(): ChildProcess {
    if (this.#child?.connected) return this.#child;
    const stdio = ['ignore', this.#stdout.descriptor, this.#stderr.descriptor, 'ipc'] as const;
    const child = fork(entry, { stdio: [...stdio], execArgv: [] });
    // It ends with the worker, which does not wait for it.
    child.unref();
    child.channel?.unref();
    this.#child = child;
    return child;
  }
}

export const sharedProcess = new SharedProcess();
