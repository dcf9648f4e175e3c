// What a renewal is refused stands on it, whichever way the refusal goes: at SUBSCRIBE, before a message could be read, on a topic that is
// not its own, by a CA near its end, in every key mode; and it is in the alert and the forecast.
import type { MqttClient } from 'mqtt';
import { afterEach, expect, it } from 'vitest';
import { connect, type House, newRequest, openHouse, Speaker } from './harness.ts';
import { openGateway } from './site.ts';

const hour = 3_600_000;
const day = 24 * hour;
/** Of the CA. */
const fiveYears = 5 * 365 * day;
let house: House;
let offset = 0;
const clients: MqttClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

const classes = (more = '') => `classes: { default: { lifetime: 10d, renewAt: 5d, overdueAfter: 1h${more} } }`;

async function open(yaml: string, id = 'dev-1'): Promise<Speaker> {
  offset = 0;
  house = await openHouse({ yaml, clock: { now: () => Date.now() + offset } });
  const client = await connect(house, await house.device(id), id);
  clients.push(client);
  return new Speaker(client, id);
}

const run = async () => (await house.gateway.operations.runRenewal({ device: 'dev-1' })).id;
const shown = async (id: string) => (await house.gateway.operations.showRenewal({ id })).refusals;
const told = async (id: string, code: string): Promise<void> => {
  expect(await shown(id)).toMatchObject([{ code, via: null, overAt: null }]);
  const { refusals } = await house.gateway.operations.showDevice({ id: 'dev-1' });
  expect(refusals).toMatchObject([{ code }]);
  offset += 2 * hour;
  const alert = await house.log.until('alert.raised', { 'event.reason': 'renewal_overdue' });
  expect(alert.message).toContain(`refused: ${code}`);
};

const expectedDark = async (id: string) => {
  const { devices } = await house.gateway.operations.forecast({ days: 20 });
  expect(devices).toMatchObject([{ id, why: 'renewal_refused' }]);
};

it('packets that are too small, found at SUBSCRIBE', async () => {
  const device = await open(classes());
  await device.client.publishAsync('$enroll/1/dev-1/hello', '{"maxPacket":100}', { qos: 1 });
  const renewal = await run();
  expect(await shown(renewal)).toEqual([]);
  for (let times = 0; times < 3; times += 1) {
    await device.listen();
    expect((await device.next('error')).code).toBe('packet_too_small');
    await device.client.unsubscribeAsync('$enroll/1/dev-1/+');
  }
  await told(renewal, 'packet_too_small');
  await expectedDark('dev-1');
});

/** The device's certificate ends with its CA, and its renewal is due. */
async function nearTheEnd(keyMode: string): Promise<{ device: Speaker; renewal: string }> {
  offset = 0;
  house = await openHouse({
    // Nobody releases another issuing CA.
    yaml: `trust: { approval: { issuing: required } }\nclasses: { default: { lifetime: 90d, renewAt: 66%, overlap: 7d, keyModes: [${keyMode}], overdueAfter: 1h } }`,
    clock: { now: () => Date.now() + offset },
  });
  offset = fiveYears - 40 * day;
  await house.log.until('alert.raised', { 'event.reason': 'own_certificate' });
  const { certificatePem, keyPem } = await house.device('dev-1');
  const client = await connect(house, { certificatePem, keyPem }, 'dev-1');
  clients.push(client);
  const device = await new Speaker(client, 'dev-1').listen();
  offset += 27 * day;
  await expect.poll(() => house.gateway.operations.listRenewals({ device: 'dev-1' })).toHaveLength(1);
  const [renewal] = await house.gateway.operations.listRenewals({ device: 'dev-1' });
  return { device, renewal: renewal?.id ?? '' };
}

it('a CA near its end, by a request of the device', async () => {
  const { device, renewal } = await nearTheEnd('csr');
  await device.next('offer');
  for (let times = 0; times < 3; times += 1) {
    await device.say({ word: 'csr', renewal, csr: (await newRequest('dev-1')).csr });
    expect(await device.next('error')).toMatchObject({ code: 'unavailable', retryAfter: 3_600 });
  }
  await told(renewal, 'unavailable');
});

it('a CA near its end, where the broker makes the request itself', async () => {
  const { renewal } = await nearTheEnd('recertify');
  await expect.poll(() => shown(renewal)).toMatchObject([{ code: 'unavailable', detail: /near its end/ }]);
  await told(renewal, 'unavailable');
});

it.each<[string, string, string | Buffer]>([
  ['not_authorized', '$enroll/1/dev-1/crs', '{}'],
  ['not_authorized', '$enroll/1/dev-2/csr', '{}'],
  ['message_too_large', '$enroll/1/dev-1/csr', Buffer.alloc(300_000)],
  ['malformed_message', '$enroll/1/dev-1/csr', '{'],
  ['missing_field', '$enroll/1/dev-1/get', '{}'],
])('%s, said of what is no message of the protocol', async (code, topic, payload) => {
  const device = await (await open(classes())).listen();
  const renewal = await run();
  await device.client.publishAsync(topic, payload, { qos: 1 });
  expect((await device.next('error')).code).toBe(code);
  await told(renewal, code);
});

it('too many requests, of a device that never stops', async () => {
  const device = await (await open(classes())).listen();
  const renewal = await run();
  await device.next('offer');
  await Promise.all(Array.from({ length: 80 }, () => device.say({ word: 'hello' })));
  await expect.poll(() => shown(renewal)).toMatchObject([{ code: 'too_many_requests' }]);
});

it('but not what a site gateway without a delegation is refused', async () => {
  await open(classes());
  const renewal = await run();
  const gateway = await openGateway(house, 'gw-1');
  clients.push(gateway.client);
  await gateway.client.publishAsync('$enroll/1/dev-1/hello', '{}', { qos: 1 });
  await house.log.until('delegation.refused', { 'event.reason': 'not_delegated' });
  expect(await shown(renewal)).toEqual([]);
});

it('but not what a device may not publish beside its renewal', async () => {
  const device = await (await open(classes())).listen();
  const renewal = await run();
  await device.client.publishAsync('devices/dev-2/reading', '42', { qos: 1 });
  expect((await device.next('error')).code).toBe('not_authorized');
  await device.client.publishAsync('devices/dev-1/dump', Buffer.alloc(300_000), { qos: 1 });
  expect((await device.next('error')).code).toBe('message_too_large');
  expect(await shown(renewal)).toEqual([]);
});
