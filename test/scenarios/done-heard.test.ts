// Who is told that a renewal is done: who can have the replacement in use, on the way on which it was asked for, and nobody else.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Credentials, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

let house: House;
let old: Credentials;
let device: Speaker;
const open: Speaker[] = [];
beforeEach(async () => {
  house = await openHouse({
    yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h, retryFirst: 10m, retryMax: 10m } }',
  });
  old = await house.device('dev-1');
  device = await speak('dev-1', old);
  await device.listen();
  await device.say({ word: 'hello', maxPacket: 4_096 });
  await device.nothingDue();
});
afterEach(async () => {
  for (const { client } of open.splice(0)) await client.endAsync(true);
  await house.close();
});

async function speak(clientId: string, credentials: Credentials): Promise<Speaker> {
  const speaker = new Speaker(await connect(house, credentials, clientId), 'dev-1');
  open.push(speaker);
  return speaker;
}

async function take(): Promise<{ readonly renewal: string; readonly replacement: Credentials }> {
  await house.gateway.operations.runRenewal({ device: 'dev-1' });
  const { renewal } = await device.next('offer');
  const { csr, keyPem } = await newRequest('dev-1');
  await device.say({ word: 'csr', renewal, csr });
  const { certificates } = await device.next('cert');
  await device.say({ word: 'ack', renewal, status: 'installed' });
  return { renewal, replacement: { certificatePem: pemOf(certificates), keyPem } };
}

const shown = async (renewal: string) => (await house.gateway.operations.showRenewal({ id: renewal })).renewal;

describe('that a renewal is done', () => {
  it('is not told to a session under the old certificate, and counts as told once one under the replacement was', async () => {
    const { renewal, replacement } = await take();
    const renewed = await speak('dev-1:2', replacement);
    await house.log.until('renewal.activated', { 'nolapse.renewal': renewal });
    // It names the renewal, so that the session knows which certificate to come with.
    await device.say({ word: 'hello' });
    expect((await device.nothingDue()).renewal).toBe(renewal);
    expect([device.heard, (await shown(renewal)).confirmedAt]).toEqual([[], null]);
    await renewed.listen();
    expect((await renewed.next('done')).renewal).toBe(renewal);
    await house.log.until('renewal.confirmed', { 'nolapse.renewal': renewal });
    expect(device.heard).toEqual([]);
  });

  it('is not told to a site gateway that did not ask for it, which is answered all the same', async () => {
    const gateway = await openGateway(house, 'gw-1');
    open.push(gateway);
    await delegate(house, 'gw-1');
    const carried = new SiteDevice(gateway.client, 'dev-1', old);
    const { renewal, replacement } = await take();
    await device.client.endAsync();
    carried.heard.length = 0;
    const renewed = await (await speak('dev-1', replacement)).listen();
    expect((await renewed.next('done')).renewal).toBe(renewal);
    await house.log.until('renewal.confirmed', { 'nolapse.renewal': renewal });
    await carried.say({ word: 'hello' });
    const { renewal: named, retryAfter } = await carried.nothingDue();
    expect([named, (retryAfter ?? 0) > 0, carried.heard]).toEqual([undefined, true, []]);
    await renewed.say({ word: 'hello' });
    expect(carried.idle).toEqual([]);
  });
});
