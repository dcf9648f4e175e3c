// Many subscriptions of one session that match the same message: it is handed on once, and its publisher is charged for all of them.
import { expect, it } from 'vitest';
import type { BrokerClient } from '../../src/broker/aedes-internals.ts';
import { Budget } from '../../src/broker/budget.ts';
import { FanOut, type Handed } from '../../src/broker/fan-out.ts';
import { deliverAsGranted } from '../../src/broker/granted-qos.ts';
import { LoopTurns } from '../../src/broker/loop-turns.ts';
import { costs } from '../../src/domain/costs.ts';

const brokerId = 'this';
const filters = Array.from(
  { length: 100 },
  (_, index) => [`${'a/'.repeat(index)}#`, { qos: (index % 3) as 0 | 1 | 2 }] as const,
);
const topic = Array.from({ length: 100 }, () => 'a').join('/');

function setUp() {
  const delivered: { qos: number; nl?: boolean | undefined }[] = [];
  const take: BrokerClient['deliverQoS'] = (packet, done) => {
    delivered.push(packet);
    done();
  };
  const client = { id: 'reader', subscriptions: Object.fromEntries(filters), deliver0: take, deliverQoS: take };
  const budget = new Budget(new LoopTurns());
  const fanOut = new FanOut<Handed>(() => budget);
  let units = 0;
  const charge = budget.spend.bind(budget);
  budget.spend = (more) => {
    units += more;
    charge(more);
  };
  deliverAsGranted(client as unknown as BrokerClient, brokerId, fanOut);
  /** Brings it by one subscription after another, as aedes does. */
  const bring = async (brokerCounter: number, by: readonly { nl?: boolean }[], of: { clientId?: string } = {}) => {
    const packet = { topic, payload: 'x', qos: 2 as const, brokerId, brokerCounter, clientId: 'writer', ...of };
    const takes = by.map((options) => (message: Handed, close: () => void) => {
      client.deliverQoS({ ...packet, ...message, ...options } as Parameters<typeof take>[0], close);
    });
    for (const each of takes) fanOut.on('#', each);
    await new Promise<void>((resolve) => void fanOut.emit(packet, () => resolve()));
    for (const each of takes) fanOut.removeListener('#', each);
  };
  const send = (of: { messageId?: number; brokerId?: string }) =>
    client.deliverQoS({ topic, payload: 'x', qos: 2, brokerCounter: 3, clientId: 'writer', ...of }, () => undefined);
  return { delivered, bring, send, units: () => units };
}

const plain = {};

it('delivers a message once at the highest QoS, and looks at each subscription once', async () => {
  const { delivered, bring, units } = setUp();
  await bring(
    7,
    filters.map(() => plain),
  );
  expect(delivered.map(({ qos }) => qos)).toEqual([2]);
  // One delivery and its bytes, two nodes, 100 subscriptions that match, and 100 looked at for the QoS.
  expect(units()).toBeLessThanOrEqual(costs.delivery + costs.kilobyte + 202 * costs.row);
});

it('delivers the next message, one from the queue and a retained one however often they come', async () => {
  const { delivered, bring, send } = setUp();
  for (const counter of [1, 2, 3]) await bring(counter, [plain, plain]);
  for (let times = 0; times < 2; times += 1) send({ messageId: 9, brokerId });
  for (let times = 0; times < 2; times += 1) send({});
  expect(delivered).toHaveLength(7);
});

it('delivers what a client published itself by a subscription that may have it, though another may not', async () => {
  const { delivered, bring } = setUp();
  await bring(1, [{ nl: true }, plain], { clientId: 'reader' });
  expect(delivered).toHaveLength(1);
  await bring(2, [{ nl: true }], { clientId: 'reader' });
  expect(delivered).toHaveLength(1);
});
