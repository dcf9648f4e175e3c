// What one principal may cause in a turn: whatever it is made of, it is bounded, waits in order, and is paid later where it was more.
import { describe, expect, it } from 'vitest';
import { Budget } from '../../src/broker/budget.ts';
import { LoopTurns } from '../../src/broker/loop-turns.ts';
import { costs, unitsPerTurn } from '../../src/domain/costs.ts';

/** Units spent in each turn of the event loop, until `done`. */
async function spentByTurn(turns: LoopTurns, spent: () => number, done: Promise<unknown>): Promise<number[]> {
  const each: number[] = [];
  let before = 0;
  let isDone = false;
  let turn = turns.current;
  void done.then(() => {
    isDone = true;
  });
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    if (turns.current === turn) continue;
    turn = turns.current;
    each.push(spent() - before);
    before = spent();
  }
  return each;
}

describe('the budget of a principal', () => {
  it('is one for all that its sessions do: no turn has much more of it than another', async () => {
    const turns = new LoopTurns();
    const budget = new Budget(turns);
    let spent = 0;
    const walk = async (units: number): Promise<void> => {
      for (let page = 0; page < 100; page += 1) {
        await budget.turn(units);
        spent += units;
      }
    };
    const all = Promise.all([walk(64), walk(512), walk(costs.packet)]);
    const each = await spentByTurn(turns, () => spent, all);
    expect(spent).toBe(100 * (64 + 512 + costs.packet));
    // Two of ours at most lie between two looks at it, and the last piece of each may be too large.
    expect(Math.max(...each)).toBeLessThanOrEqual(2 * (unitsPerTurn + 512));
  });

  it('is given in the order in which it was asked for: nobody that asks again is before who waits', async () => {
    const budget = new Budget(new LoopTurns());
    budget.spend(unitsPerTurn);
    const order: string[] = [];
    const walk = async (name: string): Promise<void> => {
      for (let page = 0; page < 3; page += 1) {
        await budget.turn(unitsPerTurn);
        order.push(name);
      }
    };
    await Promise.all([walk('a'), walk('b'), walk('c')]);
    expect(order.join('')).toBe('abcabcabc');
  });

  it('lets the turns to come pay for what cost more than one', async () => {
    let now = { at: 0 };
    const budget = new Budget({
      get current() {
        return now;
      },
    });
    budget.spend(10 * unitsPerTurn);
    let turns = 0;
    while (!budget.mayGo) {
      now = { at: now.at + 1 };
      turns += 1;
    }
    expect(turns).toBe(10);
  });
});
