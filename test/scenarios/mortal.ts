// A broker in a process of its own, which dies by SIGKILL the moment it has told a given decision.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { OperationName } from '../../src/app/operator/catalog.ts';
import type { Line } from './recorder.ts';

/** A broker in a process of its own. */
export class Mortal {
  readonly #child: ChildProcess;
  readonly lines: Line[] = [];
  readonly #waiting = new Set<() => void>();
  ports = { mqtt: 0, http: 0 };
  #calls = 0;

  constructor(home: string, deadly: string, heard: string) {
    this.#child = fork('test/scenarios/mortal-broker.mjs', [home, deadly, heard], { stdio: 'ignore' });
    this.#child.on('message', (message: { line?: string }) => {
      if (message.line) this.lines.push(JSON.parse(message.line) as Line);
      for (const look of [...this.#waiting]) look();
    });
  }

  /** @param heard a file in which its authority notes the revocations that it is told of; empty: it takes no word of them. */
  static async start(home: string, deadly = '', heard = ''): Promise<Mortal> {
    const mortal = new Mortal(home, deadly, heard);
    mortal.ports = await mortal.#answer((message) => message['ports'] as Mortal['ports'] | undefined);
    return mortal;
  }

  call<T>(name: OperationName, input: unknown): Promise<T> {
    return this.#ask({ name, input });
  }

  /** Calls, and from then on dies at this decision: one told before, at the start say, does no harm. @returns how it ended. */
  dieOf(dieAt: string, name: OperationName, input: unknown): Promise<unknown> {
    void this.#ask({ name, input, dieAt }).catch(() => undefined);
    return this.death();
  }

  async told(action: string): Promise<void> {
    while (!this.lines.some((line) => line['event.action'] === action)) {
      await new Promise<void>((wake) => this.#waiting.add(wake));
      this.#waiting.clear();
    }
  }

  /** How the process ended: by itself, when it told what it was to die at. */
  async death(): Promise<unknown> {
    if (this.#child.signalCode) return this.#child.signalCode;
    const [, signal] = await once(this.#child, 'exit');
    return signal;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  #ask<T>(call: Record<string, unknown>): Promise<T> {
    this.#calls += 1;
    const id = this.#calls;
    this.#child.send({ ...call, id });
    return this.#answer((message) => (message['id'] === id ? (message['result'] as T) : undefined));
  }

  #answer<T>(pick: (message: Record<string, unknown>) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (message: Record<string, unknown>): void => {
        const found = pick(message);
        if (found === undefined) return;
        this.#child.off('message', look);
        resolve(found);
      };
      this.#child.on('message', look);
      this.#child.once('exit', () => reject(new Error('the broker ended')));
    });
  }
}
