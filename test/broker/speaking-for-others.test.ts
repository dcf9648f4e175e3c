// A gateway among its devices: what it may ask for, what it is handed on each way a message can take, and who else is not.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PrincipalId } from '../../src/domain/principal.ts';
import { connectPacket, generate, House, inbox, packetsOf, until } from './harness.ts';

let house: House;
beforeEach(async () => {
  house = await House.open();
});
afterEach(() => house.close());

const gatewayId = 'gw-1' as PrincipalId;
const gateway = () => house.device(gatewayId, { kind: 'gateway' });

/** Sends to the gateway's sessions what is said to a device. */
const tell = (device: string, payload: string): Promise<number> =>
  house.broker.sessions.send(gatewayId, `$enroll/1/${device}/offer`, Buffer.from(payload));

const subscribe = (filters: readonly string[], messageId = 1) =>
  generate({ cmd: 'subscribe', messageId, subscriptions: filters.map((topic) => ({ topic, qos: 1 as const })) });

describe('a subscription below $enroll/1/', () => {
  const filters = ['$enroll/1/dev-1/+', '$enroll/1/+/offer', '$enroll/1/+/+', '$enroll/1/#', '$enroll/#', '#'];

  it.each([
    ['a gateway in the full lane', { kind: 'gateway', lane: 'full' }, [1, 1, 1, 1, 128, 128]],
    ['a gateway in the renew-only lane', { kind: 'gateway', lane: 'renew-only' }, [128, 128, 128, 128, 128, 128]],
    ['a device', { kind: 'device', lane: 'full' }, [128, 128, 128, 128, 128, 128]],
    ['a service', { kind: 'service', lane: 'full' }, [128, 128, 128, 128, 128, 128]],
  ] as const)('of %s is answered', async (_, options, granted) => {
    const socket = await house.raw(await house.device('asker', options));
    const packets = packetsOf(socket);
    socket.write(Buffer.concat([connectPacket('asker'), subscribe(filters)]));
    await until(() => packets.length >= 2);
    expect(packets[1]).toMatchObject({ cmd: 'suback', granted });
    socket.destroy();
  });

  it('is told to the application, when it asks for what the broker sends', async () => {
    const client = await house.connected(await gateway(), gatewayId);
    await client.subscribeAsync('$enroll/1/+/csr', { qos: 1 });
    await client.subscribeAsync('gateways/gw-1/#', { qos: 1 });
    expect(house.entrance.listeners).toEqual([]);
    await client.subscribeAsync('$enroll/1/+/offer', { qos: 1 });
    await until(() => house.entrance.listeners.length === 1);
  });
});

describe('what is said to a device', () => {
  it('is handed to a gateway that may hear it, at each message anew', async () => {
    const client = await house.connected(await gateway(), gatewayId);
    const heard = inbox(client);
    await client.subscribeAsync('$enroll/1/+/+', { qos: 1 });
    house.entrance.spokenFor.set(gatewayId, ['dev-1']);
    expect([await tell('dev-1', 'one'), await tell('dev-2', 'no')]).toEqual([1, 0]);
    expect(await house.broker.sessions.listens(gatewayId, '$enroll/1/dev-1/offer')).toBe(true);
    expect(await house.broker.sessions.listens(gatewayId, '$enroll/1/dev-2/offer')).toBe(false);
    house.entrance.spokenFor.set(gatewayId, ['dev-2']);
    expect([await tell('dev-1', 'no'), await tell('dev-2', 'two')]).toEqual([0, 1]);
    house.entrance.spokenFor.delete(gatewayId);
    expect([await tell('dev-1', 'no'), await tell('dev-2', 'no')]).toEqual([0, 0]);
    expect(await tell(gatewayId, 'its own')).toBe(1);
    await until(() => heard.length === 3);
    expect(heard).toEqual([
      '$enroll/1/dev-1/offer one',
      '$enroll/1/dev-2/offer two',
      `$enroll/1/${gatewayId}/offer its own`,
    ]);
  });

  it('is not counted as heard where the gateway did not ask for it', async () => {
    const client = await house.connected(await gateway(), gatewayId);
    house.entrance.spokenFor.set(gatewayId, ['dev-1', 'dev-2']);
    await client.subscribeAsync('$enroll/1/dev-1/offer', { qos: 1 });
    expect([await tell('dev-1', 'x'), await tell('dev-2', 'x')]).toEqual([1, 0]);
  });

  it('is replayed from a queue only as far as the gateway may still hear it', async () => {
    const credential = await gateway();
    house.entrance.spokenFor.set(gatewayId, ['dev-1', 'dev-2']);
    const first = await house.raw(credential);
    const packets = packetsOf(first);
    first.write(Buffer.concat([connectPacket(gatewayId, { clean: false }), subscribe(['$enroll/1/#'])]));
    await until(() => packets.length === 2);
    // Received and never acknowledged, so both stay in its queue.
    await Promise.all([tell('dev-1', 'kept'), tell('dev-2', 'lost')]);
    await until(() => packets.length === 4);
    first.destroy();
    await until(() => house.broker.sessionCount === 0);
    house.entrance.spokenFor.set(gatewayId, ['dev-1']);
    const back = house.client(credential, gatewayId, { clean: false });
    const heard = inbox(back);
    await until(() => heard.length > 0);
    expect(await tell('dev-1', 'fence')).toBe(1);
    await until(() => heard.length > 1);
    expect(heard).toEqual(['$enroll/1/dev-1/offer kept', '$enroll/1/dev-1/offer fence']);
  });

  it('is not handed out as a retained message of whatever origin, beyond what the gateway may hear', async () => {
    for (const device of ['dev-1', 'dev-2']) {
      await house.persistence.storeRetained({
        topic: `$enroll/1/${device}/cert`,
        payload: Buffer.from(device),
        qos: 1,
      });
    }
    house.entrance.spokenFor.set(gatewayId, ['dev-1']);
    const client = await house.connected(await gateway(), gatewayId);
    const heard = inbox(client);
    await client.subscribeAsync('$enroll/1/+/+', { qos: 1 });
    await until(() => heard.length > 0);
    await tell('dev-1', 'fence');
    await until(() => heard.length > 1);
    expect(heard).toEqual(['$enroll/1/dev-1/cert dev-1', '$enroll/1/dev-1/offer fence']);
  });
});

describe('what a gateway says for a device', () => {
  it('goes to the application, retained by nobody and heard by nobody', async () => {
    house.entrance.spokenFor.set(gatewayId, ['dev-1']);
    const client = await house.connected(await gateway(), gatewayId);
    const device = await house.connected(await house.device('dev-1'), 'dev-1');
    const heard = [inbox(client), inbox(device)];
    await client.subscribeAsync('$enroll/1/#', { qos: 1 });
    await device.subscribeAsync('$enroll/1/dev-1/#', { qos: 1 });
    await client.publishAsync('$enroll/1/dev-1/csr', 'secret', { qos: 1, retain: true });
    expect(house.entrance.received).toMatchObject([{ topic: '$enroll/1/dev-1/csr', payload: 'secret' }]);
    const late = await house.connected(await house.device('dev-1'), 'dev-1:late');
    const lateHeard = inbox(late);
    await late.subscribeAsync('$enroll/1/dev-1/#', { qos: 1 });
    await house.broker.sessions.send('dev-1' as PrincipalId, '$enroll/1/dev-1/offer', Buffer.from('fence'));
    await until(() => lateHeard.length > 0);
    expect([...(heard[0] ?? []), ...lateHeard]).toEqual(['$enroll/1/dev-1/offer fence']);
  });

  it.each([
    ['a word of ours', '$enroll/1/dev-1/cert', { kind: 'gateway' }],
    ['no word', '$enroll/1/dev-1/x', { kind: 'gateway' }],
    ['more than a word', '$enroll/1/dev-1/csr/x', { kind: 'gateway' }],
    ['another version', '$enroll/2/dev-1/csr', { kind: 'gateway' }],
    ['a word, in the renew-only lane', '$enroll/1/dev-1/csr', { kind: 'gateway', lane: 'renew-only' }],
    ['a word, as a device', '$enroll/1/dev-1/csr', { kind: 'device' }],
    ['a word, as a service', '$enroll/1/dev-1/csr', { kind: 'service' }],
  ] as const)('goes nowhere when it is %s', async (_, topic, options) => {
    house.entrance.spokenFor.set(gatewayId, ['dev-1']);
    const client = await house.connected(await house.device(gatewayId, options), gatewayId);
    await client.publishAsync(topic, 'x', { qos: 1 });
    expect(house.entrance.received).toEqual([]);
    expect(house.entrance.denials).toEqual([{ action: 'publish', topic }]);
    expect(client.connected).toBe(true);
  });

  it('is left behind by no will', async () => {
    const topic = '$enroll/1/dev-1/csr';
    const will = { topic, payload: Buffer.from('x'), qos: 1 as const, retain: false };
    await house.connected(await gateway(), gatewayId, { will });
    expect(house.entrance.denials).toEqual([{ action: 'publish', topic }]);
    expect(await house.persistence.getWill({ id: gatewayId })).toBeFalsy();
  });
});
