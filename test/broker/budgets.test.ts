// One budget a principal, that of its sessions past and present: who leaves and comes back has the same to pay.
import { expect, it } from 'vitest';
import { Budgets } from '../../src/broker/budgets.ts';
import { unitsPerTurn } from '../../src/domain/costs.ts';

function setUp() {
  const turns = { current: { at: 0 } };
  const present = new Set<string>();
  const budgets = new Budgets(turns, (id) => present.has(id));
  const nextTurn = (): void => {
    turns.current = { at: turns.current.at + 1 };
  };
  return { budgets, present, nextTurn };
}

it('keeps what a principal owes until it is paid, and forgets it then', () => {
  const { budgets, nextTurn } = setUp();
  budgets.of('mallory').spend(10 * unitsPerTurn);
  budgets.left('mallory');
  for (let turn = 0; turn < 9; turn += 1) {
    nextTurn();
    budgets.sweep();
    expect(budgets.of('mallory').mayGo).toBe(false);
  }
  nextTurn();
  nextTurn();
  budgets.sweep();
  expect(budgets.size).toBe(0);
});

it('keeps the budget of a principal that is here, and forgets one that was only asked for', () => {
  const { budgets, present } = setUp();
  present.add('here');
  const budget = budgets.of('here');
  budgets.of('gone');
  budgets.sweep();
  expect(budgets.size).toBe(1);
  expect(budgets.of('here')).toBe(budget);
  present.delete('here');
  budgets.left('here');
  budgets.sweep();
  expect(budgets.size).toBe(0);
});
