// A broker's log, kept line by line, so that a test waits for what happened and not for a guessed time.

/** A line of the broker's log. */
export type Line = Readonly<Record<string, unknown>> & { readonly 'event.action'?: string; readonly message?: string };

const waitMs = 60_000;

/** Keeps log lines, and lets a test wait for one. */
export class Recorder {
  readonly lines: Line[] = [];
  readonly #waiting = new Set<() => void>();

  write(text: string): void {
    this.lines.push(JSON.parse(text) as Line);
    for (const look of [...this.#waiting]) look();
  }

  count(action: string, fields: Line = {}): number {
    return this.lines.filter((line) => fits(line, { 'event.action': action, ...fields })).length;
  }

  /** Resolves with the first line that fits, from the line `since` on; rejects after a minute and says what came instead. */
  async until(action: string, fields: Line = {}, since = 0): Promise<Line> {
    const wanted = { 'event.action': action, ...fields };
    return until(
      (wake) => {
        this.#waiting.add(wake);
        return () => this.#waiting.delete(wake);
      },
      () => this.lines.slice(since).find((line) => fits(line, wanted)),
      () => `no ${JSON.stringify(wanted)} in:\n${this.lines.map((line) => line.message).join('\n')}`,
    );
  }
}

function fits(line: Line, wanted: Line): boolean {
  return Object.entries(wanted).every(([name, value]) => line[name] === value);
}

/** Waits for `find` to find something, looking again at each wake. */
export function until<T>(
  listen: (wake: () => void) => () => void,
  find: () => T | undefined,
  describe: () => string,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(new Error(describe()));
    }, waitMs);
    const look = (): void => {
      const found = find();
      if (found === undefined) return;
      clearTimeout(timer);
      stop();
      resolve(found);
    };
    const stop = listen(look);
    look();
  });
}
