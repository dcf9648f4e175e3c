// What one client with a certificate does to the broker and its store, all in this process: the longest wait of another client for a
// PINGRESP meanwhile, and the memory that stays when it is over.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connectPacket, generate, packetsOf, until } from '../../broker/harness.ts';
import { principal, startSqliteBroker, type TestBroker, temporaryFolder } from '../../contract/mqtt/broker.ts';
import type { Figure } from '../figure.ts';
import { figureOf } from './goals.ts';

export const patienceMs = 120_000;

export interface Stage {
  readonly broker: TestBroker;
  /** Connects the attacker once more; it is told of each packet that comes. */
  attacker(name: string): Promise<{ readonly socket: TLSSocket; count(cmd: string): number }>;
}

export interface Attack {
  readonly name: string;
  /** Writes into the store before the broker opens it. */
  readonly seed?: (file: string) => Promise<void>;
  /** What is there before; not measured. */
  prepare(stage: Stage): Promise<() => Promise<void>>;
}

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

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const memoryMb = (): number => {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
};

/** Another client's wait under the attack, and the memory that stays. */
export async function underInsider({ name, seed, prepare }: Attack): Promise<Figure> {
  const folder = temporaryFolder();
  const file = `${folder.path}/nolapse.db`;
  await seed?.(file);
  const broker = await startSqliteBroker(file, {}, { packetsPerSecondMax: 1_000_000 });
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
  return figureOf(name, waitMs, stays);
}
