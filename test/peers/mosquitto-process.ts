// An unmodified mosquitto in a process of its own, in a folder of its own; its log is kept line by line, so that a test waits for
// what happened and not for a guessed time.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { until } from '../scenarios/recorder.ts';

/** Debian puts it where not every path leads. */
export const pathWithBrokers = `${process.env['PATH']}:/usr/sbin`;

/** A port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  server.close();
  await once(server, 'close');
  return address.port;
}

export class Mosquitto {
  readonly #file: string;
  readonly #waiting = new Set<() => void>();
  readonly lines: string[] = [];
  #child: ChildProcess | null = null;

  /** @param file its configuration. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Resolves once it runs; rejects with its log when it ends instead. */
  async start(): Promise<void> {
    const since = this.lines.length;
    const child = spawn('mosquitto', ['-c', this.#file], {
      env: { ...process.env, PATH: pathWithBrokers },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.lines.push(line);
      for (const look of [...this.#waiting]) look();
    });
    const gone = once(child, 'exit').then(([code]) => {
      throw new Error(`mosquitto ended with ${code}:\n${this.lines.slice(since).join('\n')}`);
    });
    gone.catch(() => undefined);
    await Promise.race([this.until(/mosquitto version .* running/, since), gone]);
  }

  /** Resolves with the first line that matches, from the line `since` on. */
  until(pattern: RegExp, since = 0): Promise<string> {
    return until(
      (wake) => {
        this.#waiting.add(wake);
        return () => this.#waiting.delete(wake);
      },
      () => this.lines.slice(since).find((line) => pattern.test(line)),
      () => `no ${pattern} in:\n${this.lines.slice(since).join('\n')}`,
    );
  }

  /** Of its process, while it runs. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('mosquitto does not run');
    return pid;
  }

  /** Ends it as an operator would, so that it writes down what it keeps. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}
