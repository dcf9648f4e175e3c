// A hello is answered in every state, if only by how long to wait; on the path it came by, and to nobody else.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Credentials, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

let house: House;
const open: Speaker[] = [];
beforeEach(async () => {
  house = await openHouse({
    yaml: 'classes: { default: { lifetime: 1h, renewAt: 50%, spread: 0%, overlap: 10m, grace: 1h, retryFirst: 5m, retryMax: 10m } }',
  });
});
afterEach(async () => {
  for (const { client } of open.splice(0)) await client.endAsync(true);
  await house.close();
});

async function speak(id: string, credentials: Credentials): Promise<Speaker> {
  const speaker = new Speaker(await connect(house, credentials, id), id);
  open.push(speaker);
  return speaker;
}

const refusals = () => house.log.count('enrollment.refused');

describe('a hello is answered', () => {
  it('with the time to the due date where nothing is owed, before or after the SUBSCRIBE, and that is no refusal', async () => {
    const first = await house.device('dev-1');
    const early = await speak('dev-1', first);
    await early.say({ word: 'hello', maxPacket: 4_096 });
    await early.listen();
    const { retryAfter = 0, renewal } = await early.nothingDue();
    expect([retryAfter > 25 * 60, retryAfter <= 33 * 60, renewal]).toEqual([true, true, undefined]);
    await early.say({ word: 'hello' });
    await early.nothingDue();
    expect([refusals(), early.idle]).toEqual([0, []]);
  });

  it('during the pause after a failure, and under the certificate that was replaced by naming the renewal', async () => {
    const first = await house.device('dev-1');
    const device = await (await speak('dev-1', first)).listen();
    await house.gateway.operations.runRenewal({ device: 'dev-1' });
    const { renewal } = await device.next('offer');
    await device.say({ word: 'ack', renewal, status: 'failed', code: 'no_space' });
    await device.say({ word: 'hello', maxPacket: 4_096 });
    const paused = await device.nothingDue();
    expect([paused.renewal, (paused.retryAfter ?? 0) > 60]).toEqual([undefined, true]);

    const { csr, keyPem } = await newRequest('dev-1');
    await device.say({ word: 'csr', renewal, csr });
    const { certificates } = await device.next('cert');
    await device.say({ word: 'ack', renewal, status: 'installed' });
    await device.client.endAsync();
    await (await connect(house, { certificatePem: pemOf(certificates), keyPem }, 'dev-1')).endAsync();
    const back = await (await speak('dev-1', first)).listen();
    await back.say({ word: 'hello' });
    const replaced = await back.nothingDue();
    expect([replaced.renewal, (replaced.retryAfter ?? 0) <= 330]).toEqual([renewal, true]);
    expect(refusals()).toBe(0);
  });

  it('to a site gateway that says it for a device, and not to the device', async () => {
    const first = await house.device('dev-1');
    const itself = await (await speak('dev-1', first)).listen();
    const gateway = await openGateway(house, 'gw-1');
    open.push(gateway);
    await delegate(house, 'gw-1');
    const behind = new SiteDevice(gateway.client, 'dev-1', first);
    await behind.say({ word: 'hello' });
    expect((await behind.nothingDue()).code).toBe('nothing_due');
    await itself.say({ word: 'hello' });
    await itself.nothingDue();
    expect([itself.idle, behind.idle, refusals()]).toEqual([[], [], 0]);
  });

  it('to the session that said it, also where another session of the device heard the answer first', async () => {
    const credentials = await house.device('dev-1');
    const first = await (await speak('dev-1', credentials)).listen();
    const second = new Speaker(await connect(house, credentials, 'dev-1:b'), 'dev-1');
    open.push(second);
    await second.say({ word: 'hello', maxPacket: 4_096 });
    await first.nothingDue();
    await second.listen();
    await second.nothingDue();
    // Once it was heard, nothing is left of it.
    await second.client.unsubscribeAsync('$enroll/1/dev-1/+');
    await second.listen();
    await second.say({ word: 'hello' });
    await second.nothingDue();
    expect(second.idle).toEqual([]);
  });

  it('to a session that listens and says nothing, for one that says hello and does not listen', async () => {
    const credentials = await house.device('dev-1');
    const speaks = new Speaker(await connect(house, credentials, 'dev-1:pub'), 'dev-1');
    open.push(speaks);
    await speaks.say({ word: 'hello', maxPacket: 4_096 });
    const listens = await (await speak('dev-1', credentials)).listen();
    await listens.nothingDue();
  });

  it('in packets of 128 bytes, with an id of 64', async () => {
    const id = 'x'.repeat(64);
    const device = new Speaker(await connect(house, await house.device(id), id), id, 'cbor');
    open.push(device);
    await device.say({ word: 'hello', maxPacket: 128 });
    await device.listen();
    expect((await device.nothingDue()).retryAfter).toBeGreaterThan(0);
  });
});
