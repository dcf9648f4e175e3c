// The gateway is killed with SIGKILL at each state of a renewal and started again: the renewal completes, no certificate is
// issued twice for one request, and no message acknowledged to a QoS 1 publisher is lost.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceView, IssuedView, OperationName } from '../../src/app/operations.ts';
import { memoryCredentials } from '../../src/simulator/credentials.ts';
import { Device } from '../../src/simulator/device.ts';
import { idOf } from '../domain/samples.ts';
import { connect, type Line } from './harness.ts';

const yaml = `
mqtt: { port: 0 }
http: { port: 0 }
sweep: { interval: 100ms }
access: { principals: { backend: { subscribe: ['devices/#'] } } }
classes:
  default: { lifetime: 60s, renewAt: 10%, spread: 0%, overlap: 1s, grace: 60s, retryFirst: 1s, retryMax: 1s }
  patient: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h }
`;

/** A gateway in a process of its own. */
class Mortal {
  readonly #child: ChildProcess;
  readonly lines: Line[] = [];
  readonly #waiting = new Set<() => void>();
  ports = { mqtt: 0, http: 0 };
  #calls = 0;

  constructor(home: string, deadly: string) {
    this.#child = fork('test/scenarios/mortal-gateway.mjs', [home, deadly], { stdio: 'ignore' });
    this.#child.on('message', (message: { line?: string }) => {
      if (message.line) this.lines.push(JSON.parse(message.line) as Line);
      for (const look of [...this.#waiting]) look();
    });
  }

  static async start(home: string, deadly = ''): Promise<Mortal> {
    const mortal = new Mortal(home, deadly);
    mortal.ports = await mortal.#answer((message) => message['ports'] as Mortal['ports'] | undefined);
    return mortal;
  }

  call<T>(name: OperationName, input: unknown): Promise<T> {
    this.#calls += 1;
    const id = this.#calls;
    this.#child.send({ id, name, input });
    return this.#answer((message) => (message['id'] === id ? (message['result'] as T) : undefined));
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

  #answer<T>(pick: (message: Record<string, unknown>) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (message: Record<string, unknown>): void => {
        const found = pick(message);
        if (found === undefined) return;
        this.#child.off('message', look);
        resolve(found);
      };
      this.#child.on('message', look);
      this.#child.once('exit', () => reject(new Error('the gateway ended')));
    });
  }
}

let home: string;
let gateway: Mortal;
let device: Device | null;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-kill-'));
  writeFileSync(join(home, 'nolapse.yaml'), yaml);
  device = null;
});
afterEach(async () => {
  await device?.stop();
  await gateway.kill();
  rmSync(home, { recursive: true, force: true });
});

async function issue(id: string, more: object = {}): Promise<IssuedView> {
  await gateway.call('addDevice', { id, owner: 'tests', ...more });
  return gateway.call('issueDevice', { id });
}

function startDevice(first: IssuedView, port: number): Device {
  const made = new Device({
    id: idOf('pump-1'),
    target: { host: 'localhost', port, ca: first.rootPem },
    store: memoryCredentials({ ...first, renewal: null, retires: null }),
    telemetryMs: 0,
    retryFirstMs: 100,
    retryMaxMs: 500,
  });
  made.start();
  return made;
}

const states = ['due', 'offered', 'requested', 'issued', 'delivered', 'installed', 'activated', 'confirmed', 'retired'];

describe('a gateway killed in the middle', () => {
  it.each(states)('at renewal.%s goes on where it was', { timeout: 60_000 }, async (state) => {
    gateway = await Mortal.start(home);
    const first = await issue('pump-1');
    // The port must be the same after the restart: a device is told one address.
    const { mqtt } = gateway.ports;
    await gateway.kill();
    writeFileSync(join(home, 'nolapse.yaml'), yaml.replace('mqtt: { port: 0 }', `mqtt: { port: ${mqtt} }`));
    gateway = await Mortal.start(home, `renewal.${state}`);
    device = startDevice(first, mqtt);
    expect(await gateway.death()).toBe('SIGKILL');
    gateway = await Mortal.start(home);
    if (state !== 'retired') await gateway.told('renewal.retired');

    const { renewals, certificates } = await gateway.call<DeviceView>('showDevice', { id: 'pump-1' });
    const renewal = renewals.at(-1);
    expect(renewal).toMatchObject({ state: 'retired', requests: 1, lapsedAt: null });
    const own = certificates.filter(({ renewalId }) => renewalId === renewal?.id);
    expect(own).toHaveLength(1);
    expect(new Set(certificates.map(({ serial }) => serial)).size).toBe(certificates.length);
    const old = certificates.find(({ fingerprint }) => fingerprint === renewal?.oldFingerprint);
    expect(old).toMatchObject({ state: 'retired', revocationReason: 'superseded' });
  });

  it('has lost no message that it acknowledged', { timeout: 60_000 }, async () => {
    gateway = await Mortal.start(home);
    const pump = await issue('pump-1', { class: 'patient' });
    const backend = await issue('backend', { kind: 'service', class: 'patient' });
    const at = () => ({ gateway: { ports: gateway.ports } }) as Parameters<typeof connect>[0];
    const keeping = await connect(at(), backend, 'backend', { clean: false });
    await keeping.subscribeAsync('devices/#', { qos: 1 });
    await keeping.endAsync();

    const publisher = await connect(at(), pump, 'pump-1');
    publisher.on('error', () => undefined);
    const acknowledged: string[] = [];
    let sent = 0;
    const lost = new Promise<void>((resolve) => publisher.once('close', () => resolve()));
    const publishNext = (): void => {
      sent += 1;
      const text = `${sent}`;
      publisher.publish('devices/pump-1/telemetry', text, { qos: 1 }, (error) => {
        if (error) return;
        acknowledged.push(text);
        if (acknowledged.length === 150) void gateway.kill();
        if (publisher.connected) publishNext();
      });
    };
    for (let i = 0; i < 10; i += 1) publishNext();
    await lost;
    publisher.end(true);
    expect(acknowledged.length).toBeGreaterThanOrEqual(150);

    gateway = await Mortal.start(home);
    const heard = new Set<string>();
    const back = await connect(at(), backend, 'backend', { clean: false });
    await new Promise<void>((resolve) => {
      const look = (_topic: string, payload: Buffer): void => {
        heard.add(payload.toString());
        if (acknowledged.every((text) => heard.has(text))) resolve();
      };
      back.on('message', look);
    });
    expect(acknowledged.filter((text) => !heard.has(text))).toEqual([]);
    await back.endAsync(true);
  });
});
