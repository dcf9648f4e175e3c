// A broker in a process of its own, started by the built command line as an operator would.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Recorder } from '../scenarios/recorder.ts';
import type { Workplace } from './harness.ts';

export const anyPorts = { NOLAPSE_MQTT_PORT: '0', NOLAPSE_HTTP_PORT: '0' };

export interface Running {
  readonly child: ChildProcess;
  readonly mqttPort: number;
  readonly httpPort: number;
}

/** Starts one on this home, its log into `log`. Resolves once it has told its ports; rejects when it ends instead. */
export async function startNolapse(
  place: Workplace,
  log: Recorder = new Recorder(),
  env: Readonly<Record<string, string>> = anyPorts,
): Promise<Running> {
  const since = log.lines.length;
  const child = place.spawn(['start', '--home', place.home, '-o', 'json'], { env });
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => log.write(line));
  child.stderr?.pipe(process.stderr);
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`the broker ended with ${code}: ${log.lines.map(({ message }) => message).join('\n')}`);
  });
  gone.catch(() => undefined);
  const started = await Promise.race([log.until('gateway.started', {}, since), gone]);
  return { child, mqttPort: Number(started['nolapse.port.mqtt']), httpPort: Number(started['nolapse.port.http']) };
}

/** Ends the process if it still runs. @returns its exit code; null when the signal ended it. */
export async function end({ child }: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
    // With its last lines.
    await once(child, 'close');
  }
  return child.exitCode;
}
