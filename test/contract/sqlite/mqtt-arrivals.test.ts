// A message is expected until it was handed to everybody, which may take turns: who comes back meanwhile is not given it twice.
import { expect, it } from 'vitest';
import type { Emit } from '../../../src/ports/mqtt-packets.ts';
import { Arrivals } from '../../../src/store/mqtt/arrivals.ts';

function setUp() {
  const ends: (() => void)[] = [];
  const emit: Emit = () => new Promise<void>((resolve) => ends.push(resolve));
  const broker = { id: 'b', counter: 0, mq: { emit }, emit: () => undefined };
  return { arrivals: new Arrivals(broker, async () => undefined), broker, ends };
}

it.each([
  ['that its client sent', true],
  ['of a client that is gone, such as a will', false],
])('is expected until its walk is over: one %s', async (_, isNoted) => {
  const { arrivals, broker, ends } = setUp();
  const packet = { topic: 't', payload: 'x', qos: 1 as const, brokerId: 'b' };
  if (isNoted) arrivals.note({ id: 'c' }, packet);
  const number = arrivals.expect(packet);
  broker.mq.emit(packet);
  await new Promise((resolve) => setImmediate(resolve));
  expect(arrivals.isExpected(number)).toBe(true);
  ends[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(arrivals.isExpected(number)).toBe(false);
});
