// A broker in a process of its own, with a home that a test fills; its log is kept line by line.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Workplace } from '../cli/harness.ts';
import { end, startNolapse } from '../cli/nolapse-process.ts';
import { Recorder } from '../scenarios/recorder.ts';

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

/** Starts on free ports, with this YAML beside them and these variables. Rejects when the broker does not come up. */
export async function startProcess(yaml: string, env: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
  const place = new Workplace();
  mkdirSync(place.home, { mode: 0o700 });
  writeFileSync(join(place.home, 'nolapse.yaml'), `mqtt: { port: 0 }\nhttp: { port: 0 }\n${yaml}`);
  const log = new Recorder();
  let current = await startNolapse(place, log, env);
  return {
    place,
    log,
    get mqttPort() {
      return current.mqttPort;
    },
    get httpPort() {
      return current.httpPort;
    },
    stop: () => end(current),
    start: async () => {
      current = await startNolapse(place, log, env);
    },
    remove: async () => {
      await end(current);
      place.remove();
    },
  };
}
