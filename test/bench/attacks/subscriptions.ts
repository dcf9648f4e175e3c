// SUBSCRIBE and messages that cost much to serve, from one client with a certificate. To add one, add it to `subscriptions`.
import { generate, publishBytes, until } from '../../broker/harness.ts';
import { type Attack, patienceMs, type Stage } from './insider.ts';

const subscribe = (messageId: number, topics: readonly string[], qos: 0 | 1 | 2 = 0) =>
  generate({ cmd: 'subscribe', messageId, subscriptions: topics.map((topic) => ({ topic, qos })) });

/** Retained messages of many devices, 10,000 in all, so many bytes each. */
async function retain({ broker }: Stage, bytes: number): Promise<void> {
  const payload = Buffer.alloc(bytes, 'x');
  const publisher = await broker.connect('publisher');
  for (let device = 0; device < 100; device += 1) {
    const topics = Array.from({ length: 100 }, (_, index) => `devices/m${device}/state/${index}`);
    await Promise.all(topics.map((topic) => publisher.publishAsync(topic, payload, { qos: 1, retain: true })));
  }
}

export const subscriptions: readonly Attack[] = [
  {
    name: '20 SUBSCRIBE of 100 filters each that match nothing of 10,000 retained messages',
    prepare: async (stage) => {
      await retain(stage, 100);
      const { socket, count } = await stage.attacker('subscriber');
      return async () => {
        const filters = Array.from({ length: 100 }, (_, index) => `devices/+/state/none${index}/#`);
        for (let id = 1; id <= 20; id += 1) socket.write(subscribe(id, filters));
        await until(() => count('suback') === 20, patienceMs);
      };
    },
  },
  {
    name: '1,000 SUBSCRIBE to all of 10,000 retained messages of 1 kB',
    prepare: async (stage) => {
      await retain(stage, 1_024);
      const { socket, count } = await stage.attacker('subscriber');
      return async () => {
        for (let id = 1; id <= 1_000; id += 1) socket.write(subscribe(id, ['#']));
        await until(() => count('suback') === 1_000 && count('publish') >= 10_000, patienceMs);
      };
    },
  },
  {
    name: '300 messages to 100 overlapping filters in each of 30 sessions',
    prepare: async (stage) => {
      const filters = Array.from({ length: 60 }, (_, index) => `${'a/'.repeat(index)}#`);
      const others = Array.from({ length: 40 }, (_, index) => `${'a/'.repeat(index)}+/#`);
      const readers = await Promise.all(Array.from({ length: 30 }, (_, index) => stage.attacker(`reader${index}`)));
      for (const { socket, count } of readers) {
        [filters, others].forEach((each, index) => void socket.write(subscribe(index + 1, each, index === 0 ? 1 : 0)));
        await until(() => count('suback') === 2, patienceMs);
      }
      const { socket } = await stage.attacker('writer');
      const topic = Array.from({ length: 62 }, () => 'a').join('/');
      return async () => {
        const all = Array.from({ length: 300 }, (_, index) => publishBytes(topic, 1, Buffer.from('x'), index + 1));
        socket.write(Buffer.concat(all));
        await until(() => readers.every(({ count }) => count('publish') === 300), patienceMs);
      };
    },
  },
];
