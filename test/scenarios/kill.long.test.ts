// The broker is killed with SIGKILL at each state of a renewal and started again: the renewal completes, no certificate is
// issued twice for one request, and no message acknowledged to a QoS 1 publisher is lost.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceView, IssuedView } from '../../src/app/views/devices.ts';
import type { Device } from '../../src/simulator/device.ts';
import { connect } from './harness.ts';
import { Mortal } from './mortal.ts';
import { startDevice } from './simulated.ts';

const yaml = `
mqtt: { port: 0 }
http: { port: 0 }
sweep: { interval: 100ms }
access: { principals: { backend: { subscribe: ['devices/#'] } } }
classes:
  default: { lifetime: 60s, renewAt: 10%, spread: 0%, overlap: 1s, grace: 60s, retryFirst: 1s, retryMax: 1s }
  patient: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h }
`;

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

const states = ['due', 'offered', 'requested', 'issued', 'delivered', 'installed', 'activated', 'confirmed', 'retired'];

describe('a broker killed in the middle', () => {
  it.each(states)('at renewal.%s goes on where it was', { timeout: 60_000 }, async (state) => {
    gateway = await Mortal.start(home);
    const first = await issue('pump-1');
    // The port must be the same after the restart: a device is told one address.
    const { mqtt } = gateway.ports;
    await gateway.kill();
    writeFileSync(join(home, 'nolapse.yaml'), yaml.replace('mqtt: { port: 0 }', `mqtt: { port: ${mqtt} }`));
    gateway = await Mortal.start(home, `renewal.${state}`);
    device = startDevice('pump-1', first, mqtt);
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
