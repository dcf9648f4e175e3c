// The sending of retained messages, message by message: it waits for the socket, and ends with the subscription and the connection.
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { Budget } from '../../src/broker/budget.ts';
import { LoopTurns } from '../../src/broker/loop-turns.ts';
import { replayRetained } from '../../src/broker/retained-replay.ts';
import type { LiveSession } from '../../src/broker/session-registry.ts';
import { until } from './harness.ts';

const topics = Array.from({ length: 1_000 }, (_, index) => `t/${index}`);
const bytes = 4_096;
const atOnce = 16_384 / bytes;

function setUp() {
  const sent: string[] = [];
  const conn = Object.assign(new EventEmitter(), { writableNeedDrain: false, destroyed: false });
  const client = {
    closed: false,
    conn,
    deliverQoS: ({ topic }: { topic: string }, done: () => void) => {
      sent.push(topic);
      conn.writableNeedDrain = true;
      done();
    },
  };
  const live = { client, ending: null, filters: new Set(['t/#']), budget: new Budget(new LoopTurns()) };
  let from = 0;
  const walk = {
    get isOver() {
      return from >= topics.length;
    },
    page: async (most: number) => {
      const found = topics.slice(from, from + most).map((topic) => ({ topic, bytes }));
      from += found.length;
      return { rows: found.length, found };
    },
  };
  const source = {
    walkRetained: () => walk,
    retainedOf: async (topic: string) => ({ topic, payload: '', qos: 0 as const }),
  };
  const care = { isWithheld: () => false, sending: () => undefined };
  replayRetained(live as unknown as LiveSession, ['t/#'], source, care, (error) => {
    throw error;
  });
  const drain = (): void => {
    conn.writableNeedDrain = false;
    conn.emit('drain');
  };
  return { sent, conn, client, live, drain, looked: () => from };
}

const quiet = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

it('hands a socket that takes nothing no more than it asked for, however long it takes', async () => {
  const { sent, drain, looked } = setUp();
  for (let drains = 1; drains < 5; drains += 1) {
    await quiet();
    expect(sent).toHaveLength(drains * atOnce);
    expect(looked()).toBe(64);
    drain();
  }
});

it('sends all of them in their order', async () => {
  const { sent, drain } = setUp();
  const draining = setInterval(drain, 0);
  await until(() => sent.length === topics.length);
  clearInterval(draining);
  expect(sent).toEqual(topics);
});

it.each([
  ['the subscription', ({ live }: ReturnType<typeof setUp>) => live.filters.clear()],
  ['the session', ({ live }: ReturnType<typeof setUp>) => Object.assign(live, { ending: 'revoked' })],
  ['the connection', ({ client }: ReturnType<typeof setUp>) => Object.assign(client, { closed: true })],
])('ends with %s, and looks no further', async (_, end) => {
  const state = setUp();
  await quiet();
  end(state);
  state.conn.emit('close');
  await quiet();
  expect(state.sent).toHaveLength(atOnce);
  expect(state.looked()).toBe(64);
});
