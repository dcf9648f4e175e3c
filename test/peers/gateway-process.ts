// A gateway in a process of its own, started by the built command line as an operator would; its log is kept line by line, so
// that a test waits for what happened and not for a guessed time.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Workplace } from '../cli/harness.ts';
import { Recorder } from '../scenarios/harness.ts';

export interface GatewayProcess {
  readonly place: Workplace;
  readonly log: Recorder;
  readonly mqttPort: number;
  readonly httpPort: number;
  /** Ends the process and resolves with its exit code; its home stays. */
  stop(): Promise<number | null>;
  /** Starts it again on the same home after it was stopped; the ports are others. */
  start(): Promise<void>;
  /** Ends the process if it still runs, and removes the home. */
  remove(): Promise<void>;
}

async function end(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  return child.exitCode;
}

interface Run {
  readonly child: ChildProcess;
  readonly mqttPort: number;
  readonly httpPort: number;
}

/** Resolves once it has told its ports; rejects when it ends instead. */
async function run(place: Workplace, log: Recorder, env: Readonly<Record<string, string>>): Promise<Run> {
  const since = log.lines.length;
  const child = place.spawn(['start', '--home', place.home, '-o', 'json'], { env });
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => log.write(line));
  child.stderr?.pipe(process.stderr);
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`the gateway ended with ${code}: ${log.lines.map(({ message }) => message).join('\n')}`);
  });
  gone.catch(() => undefined);
  const started = await Promise.race([log.until('gateway.started', {}, since), gone]);
  return { child, mqttPort: Number(started['nolapse.port.mqtt']), httpPort: Number(started['nolapse.port.http']) };
}

/** Starts on free ports, with this YAML beside them and these variables. Rejects when the gateway does not come up. */
export async function startProcess(yaml: string, env: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
  const place = new Workplace();
  mkdirSync(place.home, { mode: 0o700 });
  writeFileSync(join(place.home, 'nolapse.yaml'), `mqtt: { port: 0 }\nhttp: { port: 0 }\n${yaml}`);
  const log = new Recorder();
  let current = await run(place, log, env);
  return {
    place,
    log,
    get mqttPort() {
      return current.mqttPort;
    },
    get httpPort() {
      return current.httpPort;
    },
    stop: () => end(current.child),
    start: async () => {
      current = await run(place, log, env);
    },
    remove: async () => {
      await end(current.child);
      place.remove();
    },
  };
}
