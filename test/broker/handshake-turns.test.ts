// Turns of handshakes, on a clock of their own: steps take the time that they say.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { neighbourTurns, strangerTurns } from '../../src/broker/door/handshake-turns.ts';
import { type TurnRules, Turns } from '../../src/pacing/turns.ts';

/** Milliseconds that steps have taken, beside those that timers have. */
let spentMs = 0;

beforeEach(() => {
  spentMs = 0;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'Date'], now: 0 });
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now() + spentMs);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const generous: TurnRules = {
  all: { share: 1, burstMs: 100_000, waitMsMax: 1_000_000 },
  block: { share: 1, burstMs: 100_000, waitMsMax: 1_000_000 },
  turnMs: 10,
  blocksMax: 100,
};

/** Steps that cost so much, by the order in which they ran. */
function stepping(turns: Turns) {
  const ran: string[] = [];
  const take = (block: string, name: string, { bytes = 1_000, ms = 10 } = {}) =>
    turns.take(block, bytes, () => {
      ran.push(name);
      spentMs += ms;
    });
  return { ran, take };
}

describe('turns of handshakes', () => {
  it('gives each block its turn, whatever another one has waiting', async () => {
    const turns = new Turns(generous);
    const { ran, take } = stepping(turns);
    for (const name of ['a1', 'a2', 'a3', 'a4']) take('a', name);
    take('b', 'b1');
    expect(ran).toEqual(['a1']);
    await vi.runAllTimersAsync();
    expect(ran).toEqual(['a1', 'a2', 'b1', 'a3', 'a4']);
  });

  it('takes the smallest step of a block and its oldest in turns', async () => {
    const turns = new Turns(generous);
    const { ran, take } = stepping(turns);
    take('a', 'first');
    for (const [name, bytes] of [
      ['large', 16_000],
      ['larger', 16_001],
      ['small', 900],
      ['tiny', 300],
    ] as const) {
      take('a', name, { bytes });
    }
    await vi.runAllTimersAsync();
    expect(ran).toEqual(['first', 'large', 'tiny', 'larger', 'small']);
  });

  it('spends no more in a turn of the loop than it may, and one step', () => {
    const turns = new Turns(generous);
    const { ran, take } = stepping(turns);
    for (let step = 0; step < 100; step += 1) take(`block ${step}`, `${step}`, { ms: 4 });
    expect(ran).toHaveLength(3);
    expect(turns.waiting).toBe(97);
    turns.stop();
  });

  it('holds all strangers to a tenth of the loop, and one block to less', async () => {
    const turns = new Turns(strangerTurns);
    const { ran, take } = stepping(turns);
    for (let step = 0; step < 200; step += 1) take(`block ${step % 2}`, `${step % 2}`, { ms: 90 });
    await vi.advanceTimersByTimeAsync(10_000);
    // A tenth, with what may be spent at once and the last step of each.
    expect(spentMs).toBeLessThanOrEqual(0.1 * performance.now() + 100 + 2 * 90);
    expect(spentMs).toBe(ran.length * 90);
    expect(spentMs).toBeGreaterThan(500);
    turns.stop();
  });

  it('lets a block with nothing to its account pass one in debt', async () => {
    const turns = new Turns({ ...strangerTurns, all: { share: 1, burstMs: 1_000, waitMsMax: 1_000 } });
    const { ran, take } = stepping(turns);
    for (let step = 0; step < 5; step += 1) take('a', 'a', { ms: 90 });
    await vi.advanceTimersByTimeAsync(50);
    take('b', 'b', { ms: 1 });
    await vi.advanceTimersByTimeAsync(50);
    expect(turns.isInDebt('a')).toBe(true);
    expect(ran.filter((name) => name === 'b')).toHaveLength(1);
    expect(ran.filter((name) => name === 'a').length).toBeLessThan(5);
    turns.stop();
  });

  it('holds up nobody whose steps turn out to cost nothing', async () => {
    const turns = new Turns(strangerTurns);
    let ran = 0;
    for (let device = 0; device < 2_000; device += 1) {
      turns.take(`block ${device}`, 1_000, () => {
        ran += 1;
        spentMs += 1;
        turns.charge(`block ${device}`, -1);
      });
    }
    for (let turn = 0; turn < 300; turn += 1) await vi.advanceTimersByTimeAsync(1);
    expect(ran).toBe(2_000);
    turns.stop();
  });

  it('lets nobody wait for long for what others have spent before', async () => {
    for (const rules of [strangerTurns, neighbourTurns]) {
      const turns = new Turns(rules);
      const { ran, take } = stepping(turns);
      for (let times = 0; times < 300; times += 1) turns.charge('a', 74);
      take('a', 'a', { ms: 1 });
      take('b', 'b', { ms: 1 });
      await vi.advanceTimersByTimeAsync(Math.max(rules.all.waitMsMax, rules.block.waitMsMax) + 50);
      expect(ran.toSorted()).toEqual(['a', 'b']);
      turns.stop();
    }
  });

  it('takes what goes on before what begins', async () => {
    const turns = new Turns(generous);
    const { ran, take } = stepping(turns);
    for (let step = 0; step < 6; step += 1) take('a', `hello ${step}`, { bytes: 100 });
    turns.take('a', 3_000, () => void ran.push('certificate'), true);
    await vi.runAllTimersAsync();
    expect(ran.indexOf('certificate')).toBeLessThanOrEqual(2);
  });

  it('forgets a step whose connection has closed, and blocks beyond its bound', () => {
    const turns = new Turns({ ...generous, blocksMax: 2 });
    const { ran, take } = stepping(turns);
    take('a', 'a1');
    const forget = take('b', 'b1');
    expect(turns.waiting).toBe(1);
    forget();
    forget();
    expect(turns.waiting).toBe(0);
    for (const block of ['c', 'd', 'e']) turns.charge(block, 1_000_000);
    expect(turns.isInDebt('c')).toBe(false);
    expect(turns.isInDebt('e')).toBe(true);
    expect(ran).toEqual(['a1']);
    turns.stop();
  });
});
