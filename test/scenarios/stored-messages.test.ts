// A client that keeps its messages sends what was not acknowledged first, after every reconnect. Whatever it has stored, it must get
// rid of it and reach its renewal: a message that ends the connection each time would be its lapse.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishBytes } from '../broker/harness.ts';
import { type Credentials, type House, openHouse } from './harness.ts';
import { publishPacket, Raw } from './raw.ts';

const dupBit = 0x08;
const visitsMax = 5;

interface Stored {
  readonly bytes: Buffer;
  sent: boolean;
  /** Was PUBREC received? Then PUBREL is what is sent again [MQTT-4.4.0-1]. */
  released: boolean;
}

/** A persistent session that loses nothing by itself. */
class StoringClient {
  readonly stored = new Map<number, Stored>();
  readonly #house: House;
  readonly #credentials: Credentials;
  readonly #id: string;

  constructor(house: House, credentials: Credentials, id: string) {
    this.#house = house;
    this.#credentials = credentials;
    this.#id = id;
  }

  store(messageId: number, topic: string | Uint8Array, qos: 1 | 2, payload: Uint8Array): void {
    this.stored.set(messageId, { bytes: publishBytes(topic, qos, payload, messageId), sent: false, released: false });
  }

  /**
   * Connects, sends what it has stored, says hello, and goes when no more than `left` is unacknowledged.
   * @returns whether all of it is acknowledged, and the words it heard.
   */
  async visit(left = 0): Promise<{ readonly isRid: boolean; readonly words: string[] }> {
    const raw = await Raw.connect(this.#house.gateway.ports.mqtt, this.#credentials, this.#id, { clean: false });
    for (const [messageId, each] of this.stored) {
      if (each.released) raw.send({ cmd: 'pubrel', messageId });
      else {
        raw.socket.write(
          each.sent ? Buffer.concat([Buffer.of((each.bytes[0] ?? 0) | dupBit), each.bytes.subarray(1)]) : each.bytes,
        );
        each.sent = true;
      }
    }
    raw.send({ cmd: 'subscribe', messageId: 60_000, subscriptions: [{ topic: `$enroll/1/${this.#id}/+`, qos: 0 }] });
    raw.send(publishPacket(`$enroll/1/${this.#id}/hello`, '{"maxPacket":4096}'));
    let read = 0;
    const words = (): string[] => raw.of('publish').map(({ topic }) => topic.split('/').at(-1) ?? '');
    const isDone = (): boolean => {
      for (; read < raw.packets.length; read += 1) {
        const packet = raw.packets[read];
        if (packet?.cmd === 'puback' || packet?.cmd === 'pubcomp') this.stored.delete(packet.messageId ?? 0);
        if (packet?.cmd !== 'pubrec') continue;
        const each = this.stored.get(packet.messageId ?? 0);
        if (each) each.released = true;
        raw.send({ cmd: 'pubrel', messageId: packet.messageId ?? 0 });
      }
      return this.stored.size <= left && words().includes('offer');
    };
    await raw.until(isDone).catch(() => undefined);
    const heard = words();
    await raw.destroy();
    return { isRid: this.stored.size === 0, words: heard };
  }
}

describe('a stored message', () => {
  let house: House;
  beforeAll(async () => {
    house = await openHouse({
      yaml: `
classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }
limits: { packetBytes: 20000, unreleasedMessages: 3, retainedMessagesPerPrincipal: 0, queuedMessages: 0 }`,
    });
  });
  afterAll(() => house.close());

  /** The client of a device whose renewal is due. */
  async function due(id: string): Promise<StoringClient> {
    const credentials = await house.device(id);
    await (await Raw.connect(house.gateway.ports.mqtt, credentials, id)).destroy();
    await house.gateway.operations.runRenewal({ device: id });
    return new StoringClient(house, credentials, id);
  }

  const large = Buffer.alloc(300_000, 'x');
  const small = Buffer.from('x');
  const kinds: readonly (readonly [string, string | Buffer, Buffer])[] = [
    ['above the limit of a packet', 'devices/ID/dump', large],
    ['above that limit, on a topic it may not use', 'devices/other/dump', large],
    ['on the topic of another', 'devices/other/x', small],
    ['on a word of the broker', '$enroll/1/ID/cert', small],
    ['on a topic of the broker', '$nolapse/alerts/x', small],
    ['below $SYS', '$SYS/broker/connection/ID/state', small],
    ['of no use on its enrollment topic', '$enroll/1/ID/csr', small],
    ['too large on its enrollment topic', '$enroll/1/ID/csr', large],
    ['on an empty topic', '', small],
    ['on a topic with +', 'devices/ID/+', small],
    ['on a topic with #', '#', small],
    ['on a topic of too many levels', `devices/ID${'/x'.repeat(200)}`, small],
    ['on a topic as long as there is', `devices/ID/${'x'.repeat(65_500)}`, small],
    ['on a topic with U+0000', 'devices/ID/\0', small],
    ['on a topic that is no UTF-8', Buffer.from('646576696365732f62fe', 'hex'), small],
    ['on a topic with U+FFFD', 'devices/ID/\ufffd', small],
    ['without a payload', 'devices/ID/x', Buffer.alloc(0)],
  ];
  const cases = kinds.flatMap(([what, topic, payload], place) =>
    ([1, 2] as const).map((qos) => ({ what, topic, payload, qos, id: `s${place}-${qos}` })),
  );

  it.each(cases)(
    '$what, at QoS $qos, does not keep its client from its renewal',
    async ({ topic, payload, qos, id }) => {
      const client = await due(id);
      client.store(7, typeof topic === 'string' ? topic.replace('ID', id) : topic, qos, payload);
      const visit = await client.visit();
      expect(visit.isRid).toBe(true);
      expect(visit.words).toContain('offer');
    },
  );

  it('and a retained one there is no room for', async () => {
    const client = await due('kept');
    const bytes = publishBytes('devices/kept/x', 1, small);
    bytes[0] = (bytes[0] ?? 0) | 0x01;
    client.stored.set(7, { bytes, sent: false, released: false });
    await client.visit();
    expect(client.stored.size).toBe(0);
    expect(house.log.count('message.dropped', { 'nolapse.topic': 'devices/kept/x' })).toBe(1);
  });

  it('and more at QoS 2 than may be unreleased: each visit brings some of them through', async () => {
    const client = await due('many');
    for (let messageId = 1; messageId <= 12; messageId += 1) client.store(messageId, 'devices/many/x', 2, small);
    let visits = 0;
    while (client.stored.size > 0 && visits < visitsMax) {
      await client.visit(client.stored.size - 3);
      visits += 1;
    }
    expect(client.stored.size).toBe(0);
  });

  it('above the limit is told with its principal, topic and size, counted, and answered on its error topic', async () => {
    const id = 'answered';
    const raw = await Raw.connect(house.gateway.ports.mqtt, await house.device(id), id);
    raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `$enroll/1/${id}/error`, qos: 0 }] });
    await raw.next('suback');
    const bytes = publishBytes(`devices/${id}/dump`, 1, large);
    raw.socket.write(bytes);
    const [error] = await raw.next('publish');
    expect(JSON.parse(String(error?.payload))).toMatchObject({ code: 'message_too_large' });
    await raw.next('puback');
    await raw.destroy();
    expect(await house.log.until('message.dropped', { 'nolapse.principal': id })).toMatchObject({
      'event.reason': 'packet_too_large',
      'nolapse.topic': `devices/${id}/dump`,
      'nolapse.packet.bytes': bytes.length,
    });
    const counted = await house.metrics.value('nolapse_messages_dropped_total', { reason: 'packet_too_large' });
    expect(counted).toBeGreaterThan(0);
  });
});
