// A session that comes back: its queue first, in order, then what arrives meanwhile, and nothing before its CONNACK.
import type { IPublishPacket, MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { costs } from '../../../src/domain/costs.ts';
import { connectPacket, generate, packetsOf, until } from '../../broker/harness.ts';
import { principal, startBroker, type TestBroker, temporaryFolder } from './broker.ts';
import { keepers } from './keepers.ts';

describe.each(keepers)('kept by $name', (keeper) => {
  let folder: ReturnType<typeof temporaryFolder>;
  let broker: TestBroker;
  let publisher: MqttClient;

  beforeEach(async () => {
    folder = temporaryFolder();
    broker = await startBroker(`${folder.path}/nolapse.db`, {}, {}, keeper);
    publisher = await broker.connect('publisher');
  });

  afterEach(async () => {
    await broker.close();
    folder.remove();
  });

  /** Subscribes, and goes away. */
  async function leave(qos: 0 | 1 | 2, ...filters: string[]): Promise<void> {
    const session = await broker.open('away');
    await session.client.subscribeAsync(filters, { qos });
    await session.client.endAsync();
  }

  async function publish(from: number, to: number, qos: 0 | 1 | 2 = 1): Promise<void> {
    const sent: Promise<unknown>[] = [];
    for (let index = from; index < to; index += 1) sent.push(publisher.publishAsync('t', String(index), { qos }));
    await Promise.all(sent);
  }

  const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i));

  describe('a session that comes back', () => {
    it.each([1, 2] as const)('is sent its queue before what is published meanwhile, at QoS %i', async (qos) => {
      await leave(qos, 't');
      await publish(0, 300, qos);
      let meanwhile = 300;
      let enough = false;
      const publishing = (async () => {
        for (; !enough; meanwhile += 5) await publish(meanwhile, meanwhile + 5, qos);
      })();
      const returned = await broker.open('away');
      await returned.until((packets) => packets.length >= 600);
      enough = true;
      await publishing;
      await returned.until((packets) => packets.length >= meanwhile);
      expect(returned.texts()).toEqual(numbers(0, meanwhile));
      await expect.poll(() => broker.queued()).toBe(0);
    });

    it('is sent nothing before its CONNACK', async () => {
      await leave(1, 't');
      let enough = false;
      const publishing = (async () => {
        for (let index = 0; !enough; index += 2) {
          publisher.publish('t', 'at once', { qos: 0 });
          await publish(index, index + 2);
        }
      })();
      // Storing the will takes a turn, with its subscriptions restored already.
      const will = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: false };
      for (let round = 0; round < 20; round += 1) {
        const socket = await broker.raw();
        const packets = packetsOf(socket);
        socket.write(connectPacket(`${principal}:away`, { clean: false, will }));
        await until(() => packets.length > 2);
        expect(packets[0]?.cmd).toBe('connack');
        socket.destroy();
      }
      enough = true;
      await publishing;
    });

    it('is sent again what it has not acknowledged, marked as such and under the same identifier', async () => {
      await leave(2, 't');
      await publish(0, 3, 1);
      await publish(3, 6, 2);
      const socket = await broker.raw();
      const first = packetsOf(socket);
      socket.write(connectPacket(`${principal}:away`, { clean: false }));
      await until(() => first.length === 7);
      const sent = first.filter(({ cmd }) => cmd === 'publish') as IPublishPacket[];
      expect(sent.map(({ dup }) => dup)).toEqual(Array(6).fill(false));
      // One of each is answered: the rest is owed still, and for the QoS 2 message its PUBREL.
      const [one, two] = [sent[0]?.messageId ?? 0, sent[3]?.messageId ?? 0];
      socket.write(generate({ cmd: 'puback', messageId: one }));
      socket.write(generate({ cmd: 'pubrec', messageId: two }));
      await until(() => first.at(-1)?.cmd === 'pubrel');
      socket.destroy();
      await publish(6, 7);

      const again = await broker.raw();
      const second = packetsOf(again);
      again.write(connectPacket(`${principal}:away`, { clean: false }));
      await until(() => second.length === 7);
      const owed = second.slice(1).map((packet) => {
        const { cmd, messageId, dup } = packet as IPublishPacket;
        return cmd === 'publish'
          ? [cmd, (packet as IPublishPacket).payload.toString(), dup, messageId]
          : [cmd, messageId];
      });
      const resent = [1, 2, 4, 5].map((index) => ['publish', String(index), true, sent[index]?.messageId]);
      const fresh = (second.at(-1) as IPublishPacket).messageId;
      expect(owed.filter(([cmd]) => cmd === 'publish')).toEqual([...resent, ['publish', '6', false, fresh]]);
      expect(owed.filter(([cmd]) => cmd === 'pubrel')).toEqual([['pubrel', two]]);
      expect(new Set([...resent.map(([, , , id]) => id), two, fresh]).size).toBe(6);
    });

    it('is not sent more of its queue at once than its socket takes', async () => {
      await broker.close();
      broker = await startBroker(`${folder.path}/nolapse.db`, {}, { outboundBytesMax: 512 * 1024, stallMs: 4 }, keeper);
      publisher = await broker.connect('publisher');
      await leave(1, 't');
      for (let sent = 0; sent < 90; sent += 1) await publisher.publishAsync('t', Buffer.alloc(100 * 1024), { qos: 1 });
      const socket = await broker.raw();
      const packets = packetsOf(socket);
      socket.on('data', () => {
        socket.pause();
        setTimeout(() => socket.resume(), 3);
      });
      socket.write(connectPacket(`${principal}:away`, { clean: false }));
      await until(() => packets.length === 91 || broker.house.told('session.ended').length > 0);
      expect(broker.house.told('session.ended')).toEqual([]);
    });

    it('that leaves in the middle of its queue is sent the rest when it comes back', async () => {
      await leave(1, 't');
      await publish(0, 400);
      const heard = new Set<string>();
      while (heard.size < 400) {
        const visit = await broker.open('away');
        await visit.until((packets) => packets.length >= Math.min(90, 400 - heard.size));
        for (const text of visit.texts()) heard.add(text);
        visit.client.stream.destroy();
      }
      expect([...heard]).toEqual(numbers(0, 400));
    });

    it('is sent a page of its queue in each turn that its principal has left', async () => {
      await leave(1, 't');
      await publish(0, 300);
      await broker.close();
      const waiting: (() => void)[] = [];
      let spent = 0;
      const allowance = {
        spend: (units: number) => {
          spent += units;
        },
        turn: () => new Promise<void>((resolve) => waiting.push(resolve)),
        finish: async () => undefined,
      };
      broker = await startBroker(`${folder.path}/nolapse.db`, { allowanceOf: () => allowance }, {}, keeper);
      const returned = await broker.open('away');
      for (const sent of [64, 128, 192, 256, 300]) {
        await until(() => waiting.length > 0);
        expect(returned.messages.length).toBeLessThanOrEqual(sent);
        waiting.shift()?.();
        await returned.until((packets) => packets.length >= sent);
        expect(returned.texts()).toEqual(numbers(0, sent));
        expect(spent).toBeGreaterThanOrEqual(sent * (costs.write + costs.delivery));
      }
      // For what may have come meanwhile.
      await until(() => waiting.length > 0);
      waiting.shift()?.();
    });
  });
});
