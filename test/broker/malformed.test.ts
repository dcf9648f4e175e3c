// What is no MQTT, and ends its connection; and what a persistent client would send again for ever, and does not.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closed, connectPacket, framed, generate, House, packetsOf, publishBytes, until } from './harness.ts';
import type { Credential } from './test-pki.ts';

const subscribeTo = (...filters: string[]): Buffer =>
  generate({ cmd: 'subscribe', messageId: 9, subscriptions: filters.map((topic) => ({ topic, qos: 1 as const })) });

/** A CONNECT of client d1 with these flags and what they announce. */
function connectWith(flags: number, ...fields: string[]): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]);
  const head = [text('MQTT'), Buffer.from([4, flags, 0, 60]), text('d1'), ...fields.map(text)];
  return framed(0x10, Buffer.concat(head));
}

describe('a malformed packet ends its connection', () => {
  let house: House;
  let credential: Credential;
  beforeAll(async () => {
    house = await House.open();
    credential = await house.device('d1');
  });
  afterAll(() => house.close());

  const body = (hex: string): Buffer => Buffer.from(hex, 'hex');
  const afterConnect: readonly (readonly [string, Buffer])[] = [
    ['PUBLISH at QoS 1 with identifier 0 [MQTT-2.3.1-1]', publishBytes('devices/d1/x', 1, body('78'), 0)],
    ['PUBLISH at QoS 2 with identifier 0 [MQTT-2.3.1-1]', publishBytes('devices/d1/x', 2, body('78'), 0)],
    [
      'PUBLISH at QoS 1 whose identifier is the next packet',
      Buffer.concat([framed(0x32, body('000161')), body('c000')]),
    ],
    ['PUBLISH whose topic is longer than it', framed(0x30, body('00ff61'))],
    ['PUBLISH at QoS 3 [MQTT-3.3.1-4]', framed(0x36, body('0001610001'))],
    ['PUBLISH at QoS 0 with DUP [MQTT-3.3.1-2]', framed(0x38, body('000161'))],
    ['SUBSCRIBE with identifier 0 [MQTT-2.3.1-1]', framed(0x82, body('000000016100'))],
    ['SUBSCRIBE without a filter [MQTT-3.8.3-3]', framed(0x82, body('0001'))],
    ['SUBSCRIBE at QoS 3 [MQTT-3.8.3-4]', framed(0x82, body('000100016103'))],
    ['SUBSCRIBE with other flags [MQTT-3.8.1-1]', framed(0x80, body('000100016100'))],
    ['UNSUBSCRIBE with identifier 0 [MQTT-2.3.1-1]', framed(0xa2, body('0000000161'))],
    ['UNSUBSCRIBE without a filter [MQTT-3.10.3-2]', framed(0xa2, body('0001'))],
    ['UNSUBSCRIBE with other flags [MQTT-3.10.1-1]', framed(0xa0, body('0001000161'))],
    ...([0x40, 0x50, 0x62, 0x70] as const).flatMap((first): (readonly [string, Buffer])[] => [
      [`acknowledgement ${first.toString(16)} of identifier 0`, framed(first, body('0000'))],
      [`acknowledgement ${first.toString(16)} without an identifier`, framed(first, body(''))],
      [`acknowledgement ${first.toString(16)} with more than one`, framed(first, body('000100'))],
    ]),
    ['PUBREL with other flags [MQTT-3.6.1-1]', framed(0x60, body('0001'))],
    ['PINGREQ with flags [MQTT-2.2.2-2]', framed(0xc1, body(''))],
    ['a second CONNECT [MQTT-3.1.0-2]', connectPacket('d1')],
    ['a packet of the server', framed(0x20, body('0000'))],
    ['a packet of type 0', framed(0x00, body(''))],
  ];

  it.each(afterConnect)('%s', async (_what, packet) => {
    const socket = await house.raw(credential);
    const packets = packetsOf(socket);
    socket.write(connectPacket('d1'));
    await until(() => packets.length === 1);
    const gone = closed(socket);
    // What comes in the same segment makes no difference.
    socket.write(Buffer.concat([packet, generate({ cmd: 'pingreq' }), generate({ cmd: 'pingreq' })]));
    await gone;
    expect(packets).toHaveLength(1);
  });

  it.each([
    ['a password without a user name [MQTT-3.1.2-22]', connectWith(0x42, 'secret')],
    ['a will at QoS 3 [MQTT-3.1.2-14]', connectWith(0x1e, 'devices/d1/x', 'gone')],
    ['the reserved flag [MQTT-3.1.2-3]', connectWith(0x03)],
    ['another first packet [MQTT-3.1.0-1]', generate({ cmd: 'pingreq' })],
  ])('CONNECT with %s', async (_what, packet) => {
    const admitted = house.entrance.admitted.length;
    const socket = await house.raw(credential);
    const packets = packetsOf(socket);
    const gone = closed(socket);
    socket.write(packet);
    await gone;
    expect(packets).toEqual([]);
    expect(house.entrance.admitted).toHaveLength(admitted);
  });

  it('and a CONNECT with a user name alone, or with both, is none', async () => {
    for (const packet of [connectWith(0x82, 'name'), connectWith(0xc2, 'name', 'secret')]) {
      const socket = await house.raw(credential);
      const packets = packetsOf(socket);
      socket.write(packet);
      await until(() => packets.length === 1);
      expect(packets[0]).toMatchObject({ cmd: 'connack', returnCode: 0 });
      socket.destroy();
    }
  });
});

describe('what may not be published or subscribed to is answered, and the session goes on', () => {
  let house: House;
  let credential: Credential;
  beforeAll(async () => {
    house = await House.open();
    credential = await house.device('d1');
  });
  afterAll(() => house.close());

  const answersTo = async (packet: Buffer): Promise<string[]> => {
    const socket = await house.raw(credential);
    const packets = packetsOf(socket);
    socket.write(connectPacket('d1', { clean: false }));
    await until(() => packets.length === 1);
    socket.write(Buffer.concat([packet, generate({ cmd: 'pingreq' })]));
    // The answer to a ping may overtake what waits for the store.
    await until(() => packets.length === 3);
    socket.destroy();
    return packets
      .filter(({ cmd }) => cmd !== 'connack' && cmd !== 'pingresp')
      .map((each) => ('granted' in each ? `${each.cmd} ${each.granted}` : each.cmd));
  };

  it.each([
    ['an empty topic', ''],
    ['+ in a topic', 'devices/d1/+'],
    ['# in a topic', 'devices/d1/#'],
    ['a wildcard within a level', 'devices/d1/a#b'],
    ['more levels than the broker has', `devices/d1${'/x'.repeat(120)}`],
    ['as many levels as there is room for', `devices/d1${'/'.repeat(60_000)}`],
    ['U+0000', 'devices/d1/\0'],
    ['bytes that are no UTF-8', Buffer.from('646576696365732f64312fc3', 'hex')],
    ['the topic of another', 'devices/d9/x'],
  ])('%s', async (_what, topic) => {
    const denied = house.entrance.denials.length;
    expect(await answersTo(publishBytes(topic, 1, Buffer.from('x')))).toEqual(['puback']);
    expect(await answersTo(publishBytes(topic, 2, Buffer.from('x')))).toEqual(['pubrec']);
    expect(house.entrance.denials).toHaveLength(denied + 2);
  });

  it('filters that are none, each by itself, beside good ones', async () => {
    const deep = `devices/d1${'/x'.repeat(120)}`;
    const asked = subscribeTo(
      'devices/d1/a',
      'devices/d1/#/b',
      'devices/d1/a#',
      'devices/d1/a+',
      'a\0',
      deep,
      'devices/d1/#',
    );
    expect(await answersTo(asked)).toEqual(['suback 1,128,128,128,128,128,1']);
    const none = generate({
      cmd: 'unsubscribe',
      messageId: 9,
      unsubscriptions: ['devices/d1/a#', deep, 'devices/d1/a'],
    });
    expect(await answersTo(none)).toEqual(['unsuback']);
    // An empty one, which the generator does not write.
    expect(await answersTo(framed(0x82, Buffer.from('0009000001', 'hex')))).toEqual(['suback 128']);
    expect(await answersTo(framed(0xa2, Buffer.from('00090000', 'hex')))).toEqual(['unsuback']);
  });

  it('a filter and a topic with U+FFFD are like any other, and bytes that are decoded to it are not', async () => {
    expect(await answersTo(subscribeTo('devices/d1/\ufffd'))).toEqual(['suback 1']);
    const lone = subscribeTo('devices/d1/zzz');
    lone[lone.indexOf('zzz') + 1] = 0xff;
    expect(await answersTo(lone)).toEqual(['suback 128']);
  });

  it('a client id that is no UTF-8 is refused as such, and a will on such a topic is left out', async () => {
    const bad = connectPacket('d1:z');
    bad[bad.indexOf('d1:z') + 3] = 0xff;
    const socket = await house.raw(credential);
    const packets = packetsOf(socket);
    socket.write(bad);
    await until(() => packets.length === 1);
    expect(packets[0]).toMatchObject({ cmd: 'connack', returnCode: 2 });
    const denied = house.entrance.denials.length;
    const will = connectPacket('d1', { will: { topic: 'devices/d1/zzz', payload: 'x', qos: 1, retain: true } });
    will[will.indexOf('zzz')] = 0xff;
    const other = await house.raw(credential);
    const answers = packetsOf(other);
    other.write(will);
    await until(() => answers.length === 1);
    expect(answers[0]).toMatchObject({ cmd: 'connack', returnCode: 0 });
    expect(house.entrance.denials).toHaveLength(denied + 1);
    other.destroy();
  });
});
