// What one client with a certificate can do to another: for each attack the longest wait for a PINGRESP meanwhile, and the memory that
// stays when it is over. To add one, add it to `attacks`.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { connectPacket, generate, packetsOf, publishBytes, until } from '../broker/harness.ts';
import { principal, startBroker, type TestBroker, temporaryFolder } from '../contract/mqtt-broker.ts';
import type { Figure } from './figure.ts';

const waitGoalMs = 250;
const memoryGoalMb = 64;
const patienceMs = 120_000;

interface Stage {
  readonly broker: TestBroker;
  /** Connects the attacker once more; it is told of each packet that comes. */
  attacker(name: string): Promise<{ readonly socket: TLSSocket; count(cmd: string): number }>;
}

interface Attack {
  readonly name: string;
  /** What is there before; not measured. */
  prepare(stage: Stage): Promise<() => Promise<void>>;
}

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

const attacks: readonly Attack[] = [
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

/** The longest wait of another client for its PINGRESP, in milliseconds, while the attack runs. */
async function longestWait(broker: TestBroker, attack: () => Promise<void>): Promise<number> {
  const { house } = broker;
  const victim = await house.raw(await house.device('victim'));
  const packets = packetsOf(victim);
  victim.write(connectPacket('victim'));
  await until(() => packets.length === 1);
  let isOver = false;
  const attacked = attack().finally(() => {
    isOver = true;
  });
  let longest = 0;
  while (!isOver) {
    const asked = performance.now();
    const before = packets.length;
    victim.write(generate({ cmd: 'pingreq' }));
    while (packets.length === before) await nextTurn();
    longest = Math.max(longest, performance.now() - asked);
  }
  await attacked;
  victim.destroy();
  return longest;
}

const memoryMb = (): number => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
};

async function underOne({ name, prepare }: Attack): Promise<Figure> {
  const folder = temporaryFolder();
  const broker = await startBroker(`${folder.path}/nolapse.db`, {}, { packetsPerSecondMax: 1_000_000 });
  const sockets: TLSSocket[] = [];
  const attacker: Stage['attacker'] = async (id) => {
    const socket = await broker.raw();
    sockets.push(socket);
    const counts = new Map<string, number>();
    const packets = packetsOf(socket);
    socket.on('data', () => {
      for (const { cmd } of packets.splice(0)) counts.set(cmd, (counts.get(cmd) ?? 0) + 1);
    });
    const count = (cmd: string): number => counts.get(cmd) ?? 0;
    socket.write(connectPacket(`${principal}:${id}`));
    await until(() => count('connack') === 1);
    return { socket, count };
  };
  const run = await prepare({ broker, attacker });
  const before = memoryMb();
  const waitMs = await longestWait(broker, run);
  for (const socket of sockets) socket.end();
  await until(() => broker.house.entrance.present.length <= 1);
  const stays = Math.max(0, memoryMb() - before);
  await broker.close();
  folder.remove();
  return {
    name,
    measured: `ping ${waitMs.toFixed(0)} ms, ${stays.toFixed(0)} MB stay`,
    goal: `<= ${waitGoalMs} ms, <= ${memoryGoalMb} MB`,
    met: waitMs <= waitGoalMs && stays <= memoryGoalMb,
  };
}

/** Another client's wait under each attack, and the memory afterwards. */
export async function underAttack(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const attack of attacks) figures.push(await underOne(attack));
  return figures;
}
