// A site gateway says a harmless thing hundreds of times: it is told to slow down itself, now and then, and nothing of it is charged
// to the device it speaks for, nor said to it.
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect, type House, openHouse, Speaker } from './harness.ts';
import { delegate, openGateway } from './site.ts';

const flood = 600;

let house: House;
let gateway: Speaker;
let device: Speaker;
const clients: MqttClient[] = [];

beforeEach(async () => {
  house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }' });
  gateway = await openGateway(house, 'gw-1');
  device = await new Speaker(await connect(house, await house.device('dev-1'), 'dev-1'), 'dev-1').listen();
  clients.push(gateway.client, device.client);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

const slowed = () => house.metrics.value('nolapse_enrollment_errors_total', { code: 'too_many_requests' });
const errorsOf = (speaker: Speaker) => speaker.heard.filter(({ word }) => word === 'error');

/** Resolves once every message has been taken. */
const say = (times: number, topic: string) =>
  Promise.all(Array.from({ length: times }, () => gateway.client.publishAsync(topic, '{}', { qos: 1 })));

describe('a flood by a site gateway', () => {
  it('takes nothing of what its device may say itself, and the device hears nothing of it', async () => {
    await delegate(house, 'gw-1');
    const began = Date.now();
    await say(flood, '$enroll/1/dev-1/hello');
    const { id } = await house.gateway.operations.runRenewal({ device: 'dev-1' });
    for (let i = 0; i < 5; i += 1) {
      await device.say({ word: 'hello' });
      expect((await device.next('offer')).renewal).toBe(id);
    }
    expect(errorsOf(device)).toEqual([]);
    const seconds = Math.ceil((Date.now() - began) / 1_000);
    await vi.waitUntil(async () => (await slowed()) >= flood - 30 - 3 * seconds, { timeout: 60_000 });
  });

  it('is told to the site gateway once in a while, on its own topic, with the device and how long to wait', async () => {
    await delegate(house, 'gw-1');
    const own = await new Speaker(gateway.client, 'gw-1').listen();
    const began = Date.now();
    await say(flood, '$enroll/1/dev-1/hello');
    const error = await own.next('error');
    expect(error).toEqual({ word: 'error', code: 'too_many_requests', detail: 'dev-1: slow down', retryAfter: 5 });
    expect(errorsOf(own).length).toBeLessThanOrEqual((Date.now() - began) / 5_000);
    expect(errorsOf(device)).toEqual([]);
  });

  it('in the names of devices that are not its own is answered for the first of them', async () => {
    const own = await new Speaker(gateway.client, 'gw-1').listen();
    const counted = () => house.metrics.value('nolapse_enrollment_errors_total', { code: 'not_delegated' });
    await say(flood, '$enroll/1/dev-1/hello');
    await vi.waitUntil(async () => (await counted()) === flood, { timeout: 60_000 });
    expect(errorsOf(own).length).toBeLessThan(flood / 2);
    expect(errorsOf(device)).toEqual([]);
  });

  it('of what it may not publish takes nothing of what it may say about itself', async () => {
    const own = await new Speaker(gateway.client, 'gw-1').listen();
    await house.gateway.operations.runRenewal({ device: 'gw-1' });
    await own.next('offer');
    await say(flood, '$enroll/1/gw-1/cert');
    await own.say({ word: 'hello' });
    await own.next('offer');
    expect(errorsOf(own).length).toBeLessThan(flood / 2);
  });
});

it('a flood of its own is told to the device now and then', async () => {
  const began = Date.now();
  await Promise.all(
    Array.from({ length: flood }, () => device.client.publishAsync('$enroll/1/dev-1/hello', '{}', { qos: 1 })),
  );
  const error = await device.next('error');
  expect(error).toEqual({ word: 'error', code: 'too_many_requests', detail: 'slow down', retryAfter: 5 });
  expect(errorsOf(device).length).toBeLessThanOrEqual((Date.now() - began) / 5_000);
  expect(await slowed()).toBeGreaterThan(flood / 2);
});
