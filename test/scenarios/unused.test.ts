// A certificate that was issued and never used is worth nothing once its successor is in use.
import { afterEach, expect, it } from 'vitest';
import { connackOf, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';

let house: House;
afterEach(() => house.close());

async function statesOf(device: string): Promise<Record<string, string>> {
  const certificates = await house.gateway.operations.listCertificates({ device });
  return Object.fromEntries(certificates.map(({ serial, state }) => [serial, state]));
}

async function refusalOf(...args: Parameters<typeof connackOf>): Promise<unknown> {
  const since = house.log.lines.length;
  const code = await connackOf(...args);
  return { code, reason: (await house.log.until('admission.refused', {}, since))['event.reason'] };
}

it('an older certificate is revoked with the first use of a newer one, and a newer one is not', async () => {
  house = await openHouse({ yaml: 'crl: { interval: 1s }' });
  const first = await house.device('pump-1');
  const { operations } = house.gateway;
  const second = await operations.issueDevice({ id: 'pump-1' });
  const third = await operations.issueDevice({ id: 'pump-1' });
  expect(await connackOf(house, second, 'pump-1')).toBe(0);
  expect(await refusalOf(house, first, 'pump-1:old')).toEqual({ code: 5, reason: 'revoked' });
  expect(await statesOf('pump-1')).toEqual({
    [first.certificate.serial]: 'revoked',
    [second.certificate.serial]: 'active',
    [third.certificate.serial]: 'issued',
  });
  await house.log.until('certificate.revoked', { 'event.reason': 'superseded' });
  await house.log.until('crl.published', { 'nolapse.crl.entries': 1 });
  expect(await connackOf(house, third, 'pump-1')).toBe(0);
});

it('that of a cancelled renewal is revoked, though it is the newer one', async () => {
  house = await openHouse({ yaml: '' });
  const first = await house.device('pump-1');
  const device = await new Speaker(await connect(house, first, 'pump-1'), 'pump-1').listen();
  const { operations } = house.gateway;
  const { id: renewal } = await operations.runRenewal({ device: 'pump-1' });
  await device.next('offer');
  // Issued by hand after the renewal began, and before the device asked for its replacement.
  const byHand = await operations.issueDevice({ id: 'pump-1' });
  const { csr, keyPem } = await newRequest('pump-1');
  await device.say({ word: 'hello', maxPacket: 4_096 });
  await device.say({ word: 'csr', renewal, csr });
  const { certificates } = await device.next('cert');
  await device.client.endAsync(true);
  expect(await connackOf(house, byHand, 'pump-1')).toBe(0);
  expect((await operations.showRenewal({ id: renewal })).renewal.state).toBe('cancelled');
  const unused = { certificatePem: pemOf(certificates), keyPem };
  expect(await refusalOf(house, unused, 'pump-1')).toEqual({ code: 5, reason: 'revoked' });
  expect(Object.values(await statesOf('pump-1')).sort()).toEqual(['active', 'revoked', 'superseded']);
});
