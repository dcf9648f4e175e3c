// A message on its way to many subscriptions: so much a turn of the event loop, in the order of its publisher, and once to each client.
import { expect, it } from 'vitest';
import { Budget } from '../../src/broker/budget.ts';
import { FanOut } from '../../src/broker/fan-out.ts';
import { LoopTurns } from '../../src/broker/loop-turns.ts';
import { costs, unitsPerTurn } from '../../src/domain/costs.ts';

interface Message {
  readonly topic: string;
  readonly clientId?: string;
  readonly number: number;
}

/** Filters that all match the topic of `levels` levels. */
const topicOf = (levels: number): string => Array.from({ length: levels }, () => 'a').join('/');
const filterOf = (index: number, levels: number): string => `${'a/'.repeat(index % levels)}#`;

function setUp() {
  const turns = new LoopTurns();
  const budgets = new Map<string, Budget>();
  const budgetOf = (clientId: string): Budget => {
    const budget = budgets.get(clientId) ?? new Budget(turns);
    budgets.set(clientId, budget);
    return budget;
  };
  const fanOut = new FanOut<Message>(budgetOf);
  /** Subscribes to each of the filters, and takes a message once, as the broker does. */
  const subscribe = (filters: readonly string[], onTaken: (message: Message) => void) => {
    const client = {};
    const takes = filters.map((filter) => {
      const take = (message: Message, done: () => void): void => {
        if (fanOut.isFirst(client)) {
          fanOut.charge(costs.delivery);
          onTaken(message);
        }
        done();
      };
      fanOut.on(filter, take);
      return { filter, take };
    });
    return { leave: () => takes.forEach(({ filter, take }) => void fanOut.removeListener(filter, take)) };
  };
  const send = (message: Message): Promise<void> =>
    new Promise((resolve) => {
      void fanOut.emit(message, () => resolve());
    });
  return { turns, fanOut, budgetOf, subscribe, send };
}

it('tells so many listeners a turn at most, whatever was published at once', async () => {
  const { turns, subscribe, send } = setUp();
  let perTurn = 0;
  let most = 0;
  let turn = turns.current;
  const told: number[] = [];
  for (let session = 0; session < 30; session += 1) {
    subscribe(
      Array.from({ length: 60 }, (_, index) => filterOf(index, 60)),
      ({ number }) => {
        if (turns.current !== turn) perTurn = 0;
        turn = turns.current;
        perTurn += 1;
        most = Math.max(most, perTurn);
        told.push(number);
      },
    );
  }
  await Promise.all(Array.from({ length: 100 }, (_, number) => send({ topic: topicOf(60), clientId: 'p', number })));
  expect(told).toHaveLength(30 * 100);
  // Beside what is on credit, the one delivery that goes beyond it.
  expect(most).toBeLessThanOrEqual((2 * unitsPerTurn) / costs.delivery + 1);
  expect(told).toEqual([...told].sort((a, b) => a - b));
});

it('looks at so many nodes a turn at most, where filters match in part alone', async () => {
  const { budgetOf, subscribe, send } = setUp();
  const filters = Array.from({ length: 4_096 }, (_, path) =>
    [...Array.from({ length: 12 }, (_, bit) => ((path >> bit) & 1 ? '+' : 'a')), 'other'].join('/'),
  );
  subscribe(filters, () => expect.unreachable());
  const budget = budgetOf('p');
  const lefts: number[] = [];
  const spend = budget.spend.bind(budget);
  budget.spend = (units) => {
    spend(units);
    lefts.push(budget.left);
  };
  await send({ topic: topicOf(13), clientId: 'p', number: 1 });
  expect(lefts.length).toBeGreaterThan(100);
  expect(Math.min(...lefts)).toBeGreaterThan(-unitsPerTurn - 100 * costs.row);
});

it('hands an ordinary message on before the call returns, and the broker own ones whatever waits', async () => {
  const { fanOut, budgetOf, subscribe } = setUp();
  const told: number[] = [];
  subscribe(['a'], ({ number }) => void told.push(number));
  expect(fanOut.emit({ topic: 'a', clientId: 'p', number: 1 })).toBeNull();
  expect(told).toEqual([1]);
  budgetOf('p').spend(10 * unitsPerTurn);
  const later = fanOut.emit({ topic: 'a', clientId: 'p', number: 2 });
  expect(fanOut.waiting).toBe(1);
  expect(fanOut.emit({ topic: 'a', number: 3 })).toBeNull();
  expect(fanOut.emit({ topic: 'a', clientId: 'q', number: 4 })).toBeNull();
  expect(told).toEqual([1, 3, 4]);
  await later;
  expect(told).toEqual([1, 3, 4, 2]);
  expect(fanOut.waiting).toBe(0);
});

it('brings a client each message once, when those of two publishers take turns', async () => {
  const { budgetOf, subscribe, send } = setUp();
  const told: string[] = [];
  for (let session = 0; session < 20; session += 1) {
    subscribe(
      Array.from({ length: 60 }, (_, index) => filterOf(index, 60)),
      ({ number, clientId }) => void told.push(`${session} ${clientId} ${number}`),
    );
  }
  for (const each of ['p', 'q']) budgetOf(each).spend(2 * unitsPerTurn);
  const all = ['p', 'q'].flatMap((clientId) =>
    Array.from({ length: 5 }, (_, number) => send({ topic: topicOf(60), clientId, number })),
  );
  await Promise.all(all);
  expect(new Set(told).size).toBe(told.length);
  expect(told).toHaveLength(20 * 2 * 5);
});

it('tells nobody who left while the message was on its way', async () => {
  const { fanOut, subscribe } = setUp();
  let told = 0;
  const all = Array.from({ length: 1_000 }, () =>
    subscribe(['a'], () => {
      told += 1;
    }),
  );
  const handed = fanOut.emit({ topic: 'a', clientId: 'p', number: 1 });
  expect(handed).toBeInstanceOf(Promise);
  const before = told;
  for (const { leave } of all) leave();
  await handed;
  expect(told).toBe(before);
  expect(fanOut.nodes).toBe(0);
});

it('lets nobody read more of a publisher before what was taken of it has been handed on', async () => {
  const { fanOut, budgetOf, subscribe } = setUp();
  subscribe(['a'], () => fanOut.charge(unitsPerTurn));
  const order: string[] = [];
  const budget = budgetOf('p');
  const handed = Array.from({ length: 5 }, (_, number) => fanOut.emit({ topic: 'a', clientId: 'p', number }));
  const read = new Promise<void>((resolve) => budget.wait(resolve)).then(() => order.push('read'));
  const sent = handed.map((each) => each?.then(() => order.push('handed')));
  await Promise.all([...sent, read]);
  expect(order.at(-1)).toBe('read');
  expect(order.length).toBeGreaterThan(2);
});
