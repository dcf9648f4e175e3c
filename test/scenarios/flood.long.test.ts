// One device that does a harmless thing thousands of times: it is answered less, and costs the ledger and the log next to nothing.

import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { connect, type House, openHouse, Speaker } from './harness.ts';

let house: House;
let client: MqttClient;
let device: Speaker;

beforeEach(async () => {
  house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }' });
  client = await connect(house, await house.device('dev-1'), 'dev-1');
  device = await new Speaker(client, 'dev-1').listen();
  await device.say({ word: 'hello', maxPacket: 4_096 });
  await house.gateway.operations.runRenewal({ device: 'dev-1' });
  await device.next('offer');
  await house.log.until('renewal.offered');
});
afterEach(async () => {
  await client.endAsync(true);
  await house.close();
});

async function offersOf(id: string): Promise<{ recorded: number; attempts: number }> {
  const { renewal, journal } = await house.gateway.operations.showRenewal({ id });
  return { recorded: journal.filter(({ action }) => action === 'renewal.offered').length, attempts: renewal.attempts };
}

it('subscribes 1,000 times, and is sent a few offers, of which the first is recorded and counted', async () => {
  const [renewal] = await house.gateway.operations.listRenewals({ device: 'dev-1' });
  const id = renewal?.id ?? '';
  await Promise.all(Array.from({ length: 1_000 }, () => client.subscribeAsync('$enroll/1/dev-1/+', { qos: 1 })));
  await device.next('offer');
  // What came before it on the same connection has been handled when this is answered.
  await device.say({ word: 'ack', renewal: 'nobody', status: 'installed' });
  await device.next('error');
  expect(device.heard.filter(({ word }) => word === 'offer').length).toBeLessThan(60);
  expect(await offersOf(id)).toEqual({ recorded: 1, attempts: 1 });
  expect(house.log.count('renewal.offered')).toBe(1);
});

it('publishes 2,000 times where it may not, and is told of in a few lines that say how often', async () => {
  const since = house.log.lines.length;
  for (let i = 0; i < 2_000; i += 1) client.publish(`devices/other/${'x'.repeat(1_000)}`, 'y', { qos: 0 });
  await client.publishAsync('devices/dev-1/last', 'z', { qos: 1 });
  expect(await house.metrics.value('nolapse_denied_total', { action: 'publish' })).toBe(2_000);
  const lines = () => house.log.lines.slice(since).filter((line) => line['event.action'] === 'access.denied');
  const told = () => lines().reduce((sum, line) => sum + Number(line['nolapse.folded_count'] ?? 1), 0);
  await vi.waitUntil(() => told() === 2_000, { timeout: 60_000 });
  expect(lines().length).toBeLessThan(40);
  for (const line of lines()) expect(String(line['nolapse.topic'])).toHaveLength(128);
});
