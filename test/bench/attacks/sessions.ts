// What sessions cost that are away, come back for what was kept for them, or ask for much in one packet. To add one, add it to `sessions`.
import { connectPacket, framed, packetsOf, publishBytes, until } from '../../broker/harness.ts';
import { leaveSessions } from '../../contract/mqtt/away.ts';
import { principal } from '../../contract/mqtt/broker.ts';
import { type Attack, patienceMs } from './insider.ts';

const queued = 1_000;
const subscribeByte = 0x82;
const unsubscribeByte = 0xa2;

/** A SUBSCRIBE or UNSUBSCRIBE of so many filters that differ, without checking them as a client's library would. */
function filtersPacket(type: number, filters: number, option: readonly number[]): Buffer {
  const body: Buffer[] = [Buffer.of(0, 1)];
  for (let index = 0; index < filters; index += 1) {
    const text = Buffer.from(index.toString(36));
    body.push(Buffer.of(0, text.length), text, Buffer.from(option));
  }
  return framed(type, Buffer.concat(body));
}

export const sessions: readonly Attack[] = [
  {
    name: '20 messages to the queues of 5,000 sessions that are away',
    seed: (file) => leaveSessions(file, 5_000, () => ['all/#']),
    prepare: async ({ attacker }) => {
      const { socket, count } = await attacker('writer');
      return async () => {
        const all = Array.from({ length: 20 }, (_, index) => publishBytes('all/x', 1, Buffer.from('x'), index + 1));
        socket.write(Buffer.concat(all));
        await until(() => count('puback') === 20, patienceMs);
      };
    },
  },
  {
    name: `${queued.toLocaleString('en')} queued messages for each of 30 sessions that come back at once`,
    prepare: async ({ broker }) => {
      const names = Array.from({ length: 30 }, (_, index) => `reader${index}`);
      for (const name of names) {
        const { client } = await broker.open(name);
        await client.subscribeAsync('in/#', { qos: 1 });
        await client.endAsync();
      }
      const writer = await broker.connect('writer');
      const payload = Buffer.alloc(500, 'x');
      for (let sent = 0; sent < queued; sent += 100)
        await Promise.all(Array.from({ length: 100 }, () => writer.publishAsync('in/x', payload, { qos: 1 })));
      return async () => {
        const comings = names.map(async (name) => {
          const socket = await broker.raw();
          const packets = packetsOf(socket);
          socket.write(connectPacket(`${principal}:${name}`, { clean: false }));
          await until(() => packets.length > queued, patienceMs);
          socket.destroy();
        });
        await Promise.all(comings);
      };
    },
  },
  ...[
    { kind: 'UNSUBSCRIBE', type: unsubscribeByte, option: [] },
    { kind: 'SUBSCRIBE', type: subscribeByte, option: [0] },
  ].map(({ kind, type, option }) => ({
    name: `20 ${kind} of 40,000 filters each, in as many sessions`,
    prepare: async ({ attacker }: Parameters<Attack['prepare']>[0]) => {
      const packet = filtersPacket(type, 40_000, option);
      const all = await Promise.all(Array.from({ length: 20 }, (_, index) => attacker(`many${index}`)));
      return async () => {
        for (const { socket } of all) socket.write(packet);
        // Beyond what a session may ask for it is ended.
        const isOver = ({ socket, count }: (typeof all)[number]) => count('unsuback') === 1 || socket.closed;
        await until(() => all.every(isOver), patienceMs);
      };
    },
  })),
];
