// Where the demo tells what happens: on a terminal a screen drawn in place, with the log in a file beside it; elsewhere the log.
import { mkdtempSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BoundedOutput } from '../telemetry/bounded-output.ts';
import type { Log } from '../telemetry/log.ts';
import { clearScreen, frame } from './watch.ts';

export interface Outputs {
  readonly log: Log;
  /** Null: standard output is no terminal, and has the log. */
  readonly canvas: Canvas | null;
}

/** On a terminal, a screen that is drawn in place, and the log in a file beside it; elsewhere the broker's JSON as it is. */
export async function openOutputs(onGone: () => void): Promise<Outputs> {
  const [{ createLog }, { openStandard }] = await Promise.all([
    import('../telemetry/log.ts'),
    import('../telemetry/standard-output.ts'),
  ]);
  const stream = openStandard(1, { onGone });
  if (!stream.isTerminal) return { log: createLog({ level: 'info', stream }), canvas: null };
  const logFile = join(mkdtempSync(join(tmpdir(), 'nolapse-demo-log-')), 'demo.log');
  const { BoundedOutput } = await import('../telemetry/bounded-output.ts');
  const descriptor = openSync(logFile, 'wx', 0o600);
  const file = new BoundedOutput({ descriptor });
  return { log: createLog({ level: 'info', stream: file }), canvas: new Canvas(stream, logFile) };
}

/** A terminal on which one screen is drawn again and again. */
export class Canvas {
  readonly logFile: string;
  readonly #stream: Pick<BoundedOutput, 'write' | 'flush'>;
  #isFree = true;

  constructor(stream: Pick<BoundedOutput, 'write' | 'flush'>, logFile: string) {
    this.#stream = stream;
    this.logFile = logFile;
    stream.write(clearScreen);
  }

  /** Nothing is drawn while a terminal that is stopped has not taken what was drawn before. */
  draw(text: string): void {
    if (!this.#isFree) return;
    this.#isFree = false;
    const { rows = 24, columns = 80 } = process.stdout;
    this.#stream.write(frame(text, Date.now(), { rows, columns }));
    this.#stream.flush(() => {
      this.#isFree = true;
    });
  }

  /** Below the screen. */
  end(text: string): Promise<void> {
    this.#stream.write(`\n${text}\n`);
    return new Promise((resolve) => this.#stream.flush(resolve));
  }
}
