// A device that has a connection of its own and a site gateway: what is said through the one way says nothing of the other, and the
// device may change from one to the other at any word without starting over.
import { createHash } from 'node:crypto';
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Encoding } from '../../src/domain/principal.ts';
import { connackOf, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

let house: House;
let itself: Speaker;
/** The device through gw-1, in CBOR. */
let carried: SiteDevice;
const clients: MqttClient[] = [];
/** What the CA waits for before it signs. */
let mayIssue: Promise<void> = Promise.resolve();

beforeEach(async () => {
  mayIssue = Promise.resolve();
  house = await openHouse({
    yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }',
    throughAuthority: (authority) => ({
      ...authority,
      issue: async (request) => {
        await mayIssue;
        return authority.issue(request);
      },
    }),
  });
  const credentials = await house.device('dev-1');
  itself = await new Speaker(await connect(house, credentials, 'dev-1'), 'dev-1').listen();
  const gateway = await openGateway(house, 'gw-1');
  carried = new SiteDevice(gateway.client, 'dev-1', credentials, 'cbor');
  clients.push(itself.client, gateway.client);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

const run = async (): Promise<string> => (await house.gateway.operations.runRenewal({ device: 'dev-1' })).id;
const show = () => house.gateway.operations.showDevice({ id: 'dev-1' });
const errorsOf = (speaker: Speaker) => speaker.heard.filter(({ word }) => word === 'error');

describe('what a site gateway says of a device', () => {
  it('is said of the way through it alone: the device itself gets its offer and its certificate whole', async () => {
    await delegate(house, 'gw-1');
    await itself.say({ word: 'hello', maxPacket: 4_096, slots: 2 });
    await carried.say({ word: 'hello', maxPacket: 128, slots: 1, clock: 1 });
    const renewal = await run();
    expect((await itself.next('offer')).renewal).toBe(renewal);
    expect((await carried.next('offer')).renewal).toBe(renewal);
    const { csr } = await newRequest('dev-1');
    await itself.say({ word: 'csr', renewal, csr });
    const { certificates } = await itself.next('cert');
    // The same on the other way does not fit there.
    expect((await carried.next('offer')).size).toBe(certificates[0]?.length);
    expect(errorsOf(itself)).toEqual([]);
    expect(await show()).toMatchObject({
      contact: { encoding: 'json', packetBytesMax: 4_096, slots: 2, clockSkewMs: null },
      carried: [{ gatewayId: 'gw-1', encoding: 'cbor', packetBytesMax: 128, slots: 1 }],
    });
  });

  it('does not outweigh the inventory for a device that said nothing itself', async () => {
    await delegate(house, 'gw-1');
    await carried.say({ word: 'hello', maxPacket: 100, clock: 1 });
    expect((await carried.next('error')).code).toBe('packet_too_small');
    const renewal = await run();
    expect((await itself.next('offer')).renewal).toBe(renewal);
    expect(errorsOf(itself)).toEqual([]);
    expect(await show()).toMatchObject({ contact: { packetBytesMax: null, encoding: null, clockSkewMs: null } });
  });

  it('is over with its delegation, and is not back with another', async () => {
    const { id } = await delegate(house, 'gw-1');
    await carried.say({ word: 'hello', maxPacket: 100 });
    expect((await carried.next('error')).code).toBe('packet_too_small');
    await house.gateway.operations.revokeDelegation({ id });
    expect(await show()).toMatchObject({ carried: [] });
    const renewal = await run();
    expect((await itself.next('offer')).renewal).toBe(renewal);
    const { csr } = await newRequest('dev-1');
    await itself.say({ word: 'csr', renewal, csr });
    expect((await itself.next('offer')).size).toBeGreaterThan(0);
    expect(errorsOf(itself)).toEqual([]);
    await delegate(house, 'gw-1', { site: 'elsewhere', until: '2d' });
    await delegate(house, 'gw-1');
    expect((await new Speaker(carried.client, 'dev-1').next('offer')).renewal).toBe(renewal);
    expect(await show()).toMatchObject({ carried: [] });
  });

  it('of a failure or an installation changes nothing where the device has its replacement on its own connection', async () => {
    await delegate(house, 'gw-1');
    await itself.say({ word: 'hello', maxPacket: 4_096 });
    const renewal = await run();
    await itself.next('offer');
    await house.log.until('renewal.offered');
    await carried.say({ word: 'ack', renewal, status: 'failed', code: 'no_space' });
    await house.log.until('renewal.failed');
    // Its pause is one of the way through the site gateway.
    itself.heard.length = 0;
    await itself.say({ word: 'hello' });
    expect((await itself.next('offer')).renewal).toBe(renewal);
    const { csr } = await newRequest('dev-1');
    await itself.say({ word: 'csr', renewal, csr });
    await itself.next('cert');
    const state = async () => (await house.gateway.operations.showRenewal({ id: renewal })).renewal.state;
    for (const status of ['failed', 'installed'] as const) await carried.say({ word: 'ack', renewal, status });
    await expect.poll(state).toBe('delivered');
    await itself.say({ word: 'ack', renewal, status: 'installed' });
    expect(await state()).toBe('installed');
  });

  it('takes nothing away that the device asked for itself: another key through it is refused, in every state', async () => {
    await delegate(house, 'gw-1');
    await itself.say({ word: 'hello', maxPacket: 4_096 });
    await carried.say({ word: 'hello', maxPacket: 4_096 });
    const renewal = await run();
    await itself.next('offer');
    const state = async () => (await house.gateway.operations.showRenewal({ id: renewal })).renewal.state;
    const refused = async () => {
      carried.heard.length = 0;
      await carried.request(renewal, true);
      return (await carried.next('error')).code;
    };
    const { csr, keyPem } = await newRequest('dev-1');
    let release: () => void = () => undefined;
    mayIssue = new Promise((resolve) => {
      release = resolve;
    });
    await itself.say({ word: 'csr', renewal, csr });
    expect(await refused()).toBe('wrong_state');
    expect(await state()).toBe('requested');
    release();
    const { certificates } = await itself.next('cert');
    await expect.poll(state).toBe('delivered');
    expect(await refused()).toBe('wrong_state');
    await itself.say({ word: 'ack', renewal, status: 'installed' });
    expect(await state()).toBe('installed');
    expect(await refused()).toBe('wrong_state');
    // The same key is the same request, on whichever way it comes.
    await carried.say({ word: 'csr', renewal, csr });
    expect((await carried.next('cert')).certificates).toEqual(certificates);
    expect(await connackOf(house, { certificatePem: pemOf(certificates), keyPem }, 'dev-1:2')).toBe(0);
  });

  it('may bring another key once the device itself has reported that it failed', async () => {
    await delegate(house, 'gw-1');
    await itself.say({ word: 'hello', maxPacket: 4_096 });
    await carried.say({ word: 'hello', maxPacket: 4_096 });
    const renewal = await run();
    await itself.next('offer');
    const { csr } = await newRequest('dev-1');
    await itself.say({ word: 'csr', renewal, csr });
    await itself.next('cert');
    await itself.say({ word: 'ack', renewal, status: 'failed', code: 'no_space' });
    await house.log.until('renewal.failed');
    carried.heard.length = 0;
    await carried.request(renewal, false);
    expect((await carried.next('cert')).renewal).toBe(renewal);
  });

  it('uses up none of the requests that the device itself has in a renewal', async () => {
    await delegate(house, 'gw-1', { daily: 100 });
    const renewal = await run();
    await carried.say({ word: 'hello', maxPacket: 4_096 });
    for (let i = 0; i < 10; i += 1) {
      await carried.request(renewal, false);
      await carried.next('cert');
    }
    await carried.request(renewal, false);
    expect((await carried.next('error')).code).toBe('too_many_requests');
    await itself.say({ word: 'hello', maxPacket: 4_096 });
    itself.heard.length = 0;
    const { csr } = await newRequest('dev-1');
    await itself.say({ word: 'csr', renewal, csr });
    expect((await itself.next('cert')).renewal).toBe(renewal);
  });
});

describe('a device that changes its way at every word', () => {
  it.each<[Encoding, number, number]>([
    ['json', 256, 4_096],
    ['cbor', 200, 128],
  ])(
    'goes on where it was: own packets in %s of %d bytes, through its site gateway of %d',
    async (encoding, own, through) => {
      await delegate(house, 'gw-1');
      const client = itself.client;
      itself = new Speaker(client, 'dev-1', encoding);
      await itself.say({ word: 'hello', maxPacket: own });
      await carried.say({ word: 'hello', maxPacket: through });
      const ways = [itself, carried] as const;
      const renewal = await run();
      const offers = await Promise.all(ways.map((each) => each.next('offer')));
      expect(offers.map((offer) => offer.renewal)).toEqual([renewal, renewal]);
      const { csr } = await newRequest('dev-1');
      const total = csr.length;
      for (let offset = 0, turn = 0; offset < total; offset += 40, turn += 1) {
        const bytes = csr.subarray(offset, offset + 40);
        await (ways[turn % 2] as Speaker).say({ word: 'csr', renewal, offset, total, bytes });
      }
      await house.log.until('renewal.issued');
      for (const each of ways) await each.say({ word: 'hello' });
      const known = async (speaker: Speaker) => {
        for (;;) {
          const { size, sha256 } = await speaker.next('offer');
          if (size !== undefined) return { size, sha256 };
        }
      };
      const announced = await Promise.all(
        ways.map((each, i) => (i === 1 && through === 4_096 ? known(itself) : known(each))),
      );
      expect(announced[1]).toEqual(announced[0]);
      const { size = 0, sha256 } = announced[0] ?? {};
      const got = new Uint8Array(size);
      for (let at = 0, turn = 0; at < size; turn += 1) {
        const way = ways[turn % 2] as Speaker;
        way.heard.length = 0;
        await way.say({ word: 'get', renewal, offset: at, length: 50 });
        const part = await way.next('part');
        expect([part.offset, part.total]).toEqual([at, size]);
        got.set(part.bytes, at);
        at += part.bytes.length;
      }
      expect(createHash('sha256').update(got).digest()).toEqual(Buffer.from(sha256 ?? []));
      expect([...errorsOf(itself), ...errorsOf(carried)]).toEqual([]);
    },
  );

  it('has its request in parts put together from what it sent itself, whatever its site gateway sends meanwhile', async () => {
    await delegate(house, 'gw-1');
    await itself.say({ word: 'hello', maxPacket: 4_096 });
    const renewal = await run();
    const { csr } = await newRequest('dev-1');
    const total = csr.length;
    for (let offset = 0; offset < total; offset += 40) {
      await itself.say({ word: 'csr', renewal, offset, total, bytes: csr.subarray(offset, offset + 40) });
      await carried.say({ word: 'csr', renewal, offset: 0, total, bytes: new Uint8Array(total - 1).fill(offset + 1) });
    }
    expect((await itself.next('cert')).renewal).toBe(renewal);
    expect(errorsOf(itself)).toEqual([]);
  });
});
