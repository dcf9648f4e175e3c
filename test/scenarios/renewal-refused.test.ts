// A device that asks again and again and is refused: what it is refused stands on its renewal, in its alert and in the forecast, at the
// cost of a write a minute; and is over once it has got on.
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { connect, type House, newRequest, openHouse, Speaker } from './harness.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

const hour = 3_600_000;
let house: House;
let device: Speaker;
let offset = 0;
const clients: MqttClient[] = [];

beforeEach(async () => {
  offset = 0;
  house = await openHouse({
    yaml: 'classes: { default: { lifetime: 10d, renewAt: 5d, overlap: 1d, grace: 10d, overdueAfter: 1h } }',
    clock: { now: () => Date.now() + offset },
  });
  const credentials = await house.device('dev-1');
  device = await new Speaker(await connect(house, credentials, 'dev-1'), 'dev-1').listen();
  clients.push(device.client);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

const run = async (): Promise<string> => {
  const { id } = await house.gateway.operations.runRenewal({ device: 'dev-1' });
  await device.next('offer');
  return id;
};
const shown = async (id: string) => (await house.gateway.operations.showRenewal({ id })).refusals;

it('is shown with code, detail, count and times, told in the alert, and expected to go dark', async () => {
  const renewal = await run();
  const { csr } = await newRequest('somebody-else');
  for (let i = 0; i < 5; i += 1) {
    await device.say({ word: 'csr', renewal, csr });
    expect((await device.next('error')).code).toBe('subject_mismatch');
  }
  const [refusal] = await shown(renewal);
  expect(refusal).toMatchObject({ code: 'subject_mismatch', times: 5, via: null, overAt: null });
  expect(refusal?.lastAt).toBeGreaterThanOrEqual(refusal?.firstAt ?? Number.POSITIVE_INFINITY);
  const { refusals } = await house.gateway.operations.showDevice({ id: 'dev-1' });
  expect(refusals).toEqual([refusal]);
  const { devices } = await house.gateway.operations.forecast({ days: 20 });
  expect(devices).toMatchObject([{ id: 'dev-1', why: 'renewal_refused' }]);
  offset = 2 * hour;
  const alert = await house.log.until('alert.raised', { 'event.reason': 'renewal_overdue' });
  expect(alert.message).toMatch(/refused: subject_mismatch \(.+\), 5 times, last at /);

  await device.say({ word: 'csr', renewal, csr: (await newRequest('dev-1')).csr });
  await house.log.until('renewal.issued');
  expect(await shown(renewal)).toMatchObject([{ code: 'subject_mismatch', overAt: expect.any(Number) }]);
  expect((await house.gateway.operations.forecast({ days: 20 })).devices).toEqual([]);
});

it('that names no renewal counts for the one that is open, and one who has none costs nothing', async () => {
  const garbage = () => device.client.publishAsync('$enroll/1/dev-1/csr', 'no request', { qos: 1 });
  await garbage();
  await device.next('error');
  const renewal = await run();
  await garbage();
  expect((await device.next('error')).code).toBe('malformed_message');
  expect(await shown(renewal)).toMatchObject([{ code: 'malformed_message', times: 1 }]);
});

it('by the word of a site gateway does not hide what the device itself is refused', async () => {
  const gateway = await openGateway(house, 'gw-1');
  clients.push(gateway.client);
  await delegate(house, 'gw-1', { modes: ['recertify'] });
  const renewal = await run();
  const carried = new SiteDevice(gateway.client, 'dev-1', { certificatePem: '', keyPem: '' });
  await device.say({ word: 'csr', renewal, csr: (await newRequest('another')).csr });
  await device.next('error');
  for (let i = 0; i < 3; i += 1) await carried.request(renewal, false);
  await house.log.until('delegation.refused');
  await vi.waitFor(
    async () =>
      expect(await shown(renewal)).toMatchObject([
        { code: 'subject_mismatch', via: null, times: 1 },
        { code: 'mode_not_granted', via: 'gw-1', times: 3 },
      ]),
    60_000,
  );
  offset = 2 * hour;
  const alert = await house.log.until('alert.raised', { 'event.reason': 'renewal_overdue' });
  expect(alert.message).toContain('refused: subject_mismatch');
  expect(alert.message).not.toContain('mode_not_granted');
});
