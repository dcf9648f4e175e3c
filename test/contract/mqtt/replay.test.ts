// Retained messages for a new subscription: what is looked at for it, and what is sent of it, is bounded whatever was asked for.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectPacket, generate, packetsOf, until } from '../../broker/harness.ts';
import { principal, startFreshBroker, type TestBroker } from './broker.ts';
import { keepers } from './keepers.ts';

describe.each(keepers)('kept by $name', (keeper) => {
  const kept = 50;
  const payload = Buffer.alloc(4_096, 'x');

  let broker: TestBroker;
  let rows: number;
  let walks: number;

  beforeEach(async () => {
    broker = await startFreshBroker(keeper);
    const walk = broker.persistence.walkRetained.bind(broker.persistence);
    [rows, walks] = [0, 0];
    broker.persistence.walkRetained = (filter) => {
      const walked = walk(filter);
      const page = walked.page.bind(walked);
      walks += 1;
      walked.page = async (most) => {
        const seen = await page(most);
        rows += seen.rows;
        return seen;
      };
      return walked;
    };
    const publisher = await broker.connect('publisher');
    const topics = ['m', 'mallory', 'n'].flatMap((id) =>
      Array.from({ length: kept }, (_, index) => `devices/${id}/state/${index}`),
    );
    await Promise.all(topics.map((topic) => publisher.publishAsync(topic, payload, { qos: 1, retain: true })));
  });

  afterEach(() => broker.close());

  describe('a subscription', () => {
    it.each([
      ['devices/m', 0, 1],
      ['devices/m/state/7', 1, 1],
      ['devices/m/none/#', 0, 2],
      ['devices/m/+', 0, 3],
      ['devices/+/none', 0, 8],
      ['devices/+/state/7', 3, 14],
      ['devices/m/#', kept, 2 * kept],
    ])('to %s is sent what it matches (%i), and few other rows are looked at', async (filter, matching, most) => {
      const reader = await broker.open('reader', { clean: true });
      await reader.client.subscribeAsync(filter, { qos: 1 });
      await reader.client.subscribeAsync('devices/n/state/0', { qos: 0 });
      await reader.until((messages) => messages.length === matching + 1);
      expect(rows - 1).toBeLessThanOrEqual(most);
    });

    it('that is asked for again and again is sent few times, and the last time whole', async () => {
      const socket = await broker.raw();
      const packets = packetsOf(socket);
      const times = 1_000;
      const asked = Array.from({ length: times }, (_, index) =>
        generate({ cmd: 'subscribe', messageId: index + 1, subscriptions: [{ topic: 'devices/m/#', qos: 0 }] }),
      );
      socket.write(Buffer.concat([connectPacket(`${principal}:reader`), ...asked]));
      const publishes = () => packets.filter(({ cmd }) => cmd === 'publish').length;
      await until(() => packets.filter(({ cmd }) => cmd === 'suback').length === times);
      const fromThen = publishes();
      await until(() => publishes() >= Math.max(fromThen, kept) && publishes() === walks * kept);
      expect(walks).toBeLessThan(times / 10);
      socket.destroy();
    });
  });
});
