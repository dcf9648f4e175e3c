// Many subscriptions of one session that match the same message: it is handed on once, and its publisher is charged for all of them.
import { expect, it } from 'vitest';
import type { BrokerClient } from '../../src/broker/aedes-internals.ts';
import { costs } from '../../src/broker/budget.ts';
import { deliverAsGranted } from '../../src/broker/granted-qos.ts';

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
  let units = 0;
  deliverAsGranted(client as unknown as BrokerClient, brokerId, (_publisher, more) => {
    units += more;
  });
  let done = 0;
  const bring = (
    brokerCounter: number | undefined,
    of: { nl?: boolean; messageId?: number; clientId?: string } = {},
  ) => {
    const packet = { topic, payload: 'x', qos: 2 as const, brokerId, brokerCounter, clientId: 'writer', ...of };
    client.deliverQoS(packet, () => {
      done += 1;
    });
  };
  return { delivered, bring, units: () => units, done: () => done };
}

it('delivers a message once at the highest QoS, and looks at each subscription once', () => {
  const { delivered, bring, units, done } = setUp();
  for (let copy = 0; copy < filters.length; copy += 1) bring(7);
  expect(delivered.map(({ qos }) => qos)).toEqual([2]);
  expect(done()).toBe(filters.length);
  // One delivery and its bytes, 100 subscriptions looked at for the QoS, 99 copies left out.
  expect(units()).toBeLessThanOrEqual(costs.delivery + costs.kilobyte + 200 * costs.row);
});

it('delivers the next message, one from the queue and a retained one however often they come', () => {
  const { delivered, bring } = setUp();
  for (const counter of [1, 2, 3]) bring(counter);
  for (let times = 0; times < 2; times += 1) bring(3, { messageId: 9 });
  expect(delivered).toHaveLength(5);
});

it('delivers what a client published itself by a subscription that may have it, though another may not', () => {
  const { delivered, bring } = setUp();
  bring(1, { nl: true, clientId: 'reader' });
  bring(1, { clientId: 'reader' });
  expect(delivered).toHaveLength(1);
});
