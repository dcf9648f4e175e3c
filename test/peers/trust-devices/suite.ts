// What every reference device must show of the steps of roots, over real TLS: it takes them, proves the next root, comes through what it has
// slept through, refuses what it must not take, goes back where a port cannot be used, and survives a cut at any moment.
import { describe, expect, it } from 'vitest';
import { dayMs } from '../../../src/domain/time.ts';
import { stepSequenceMax } from '../../../src/domain/trust-step.ts';
import type { Run } from '../device-program.ts';
import { badSteps, Made, type Past, pasts, sequenceOf } from './bad-steps.ts';
import { eachOnABench, type TrustBench, type TrustDevice } from './bench.ts';

export interface TrustReference<D extends TrustDevice = TrustDevice> {
  /** Begins the ids of its devices. */
  readonly name: string;
  /** A device with the broker's first root and port, which has not connected yet. */
  make(bench: TrustBench, id: string, className?: string): Promise<D>;
  /** Ways of being cut off, each at the n-th of its moments, from 1 on; null where the run was over before. */
  readonly cuts: Readonly<Record<string, (device: D, at: number) => Promise<Run | null>>>;
  /** Seconds in which the suite's longest test ends. */
  readonly timeoutMs?: number;
}

const runsMax = 8;

/** Registers the tests, within a describe of the caller's. */
export function trustSuite<D extends TrustDevice>({ name, make, cuts, timeoutMs = 300_000 }: TrustReference<D>): void {
  const benchNow = eachOnABench();
  const state = (device: TrustDevice) => ({ held: device.held(), committed: device.committed() });
  const under = (bench: TrustBench, ...roots: readonly number[]) => {
    const [last = 1] = roots.slice(-1);
    return {
      held: roots.map((root) => bench.root(root)),
      committed: { port: bench.port(last), root: bench.root(last) },
    };
  };

  /** Starts it until it is in this state. @returns what it said. */
  async function settle(device: TrustDevice, wanted: ReturnType<typeof state>, before = ''): Promise<string> {
    let said = before;
    for (let run = 0; run < runsMax; run += 1) {
      const ended = await device.run();
      said += `${ended.said}-- ${ended.code}\n`;
      if (before !== '') benchNow().pass(dayMs / 12);
      if (JSON.stringify(state(device)) === JSON.stringify(wanted)) return said;
    }
    expect(state(device), said).toEqual(wanted);
    return said;
  }

  async function started(id: string, className?: string): Promise<D> {
    const device = await make(benchNow(), `${name}-${id}`, className);
    await settle(device, under(benchNow(), 1));
    return device;
  }

  it('takes the next root, proves it on its port, and gives the first one up; twice in a row', async () => {
    const bench = benchNow();
    const device = await started('whole');
    for (const next of [2, 3]) {
      await bench.rollover.open(next);
      const renewal = await bench.rollover.release('successor', next - 1);
      await settle(device, under(bench, next - 1, next));
      expect(await bench.record(device)).toMatchObject({
        stored: { sequence: Number(renewal.slice(1)), root: next, by: null },
        last: { root: next },
      });
      await bench.rollover.release('drop', next);
      await settle(device, under(bench, next));
    }
    expect(bench.house.log.count('trust.failed')).toBe(0);
    expect(bench.house.log.count('admission.refused')).toBe(0);
  });

  it('is led through two rollovers that it has slept through', async () => {
    const bench = benchNow();
    const device = await started('asleep');
    for (const number of [2, 3]) await bench.rollover.open(number);
    await bench.rollover.release('successor', 1);
    await bench.rollover.release('drop', 2);
    await bench.rollover.release('successor', 2);
    await settle(device, under(bench, 2, 3));
    expect(bench.house.log.count('trust.failed')).toBe(0);
  });

  it('is told in the renew-only lane too', async () => {
    const bench = benchNow();
    const device = await started('late', 'brief');
    await bench.rollover.open(2);
    await bench.rollover.release('successor', 1);
    bench.pass(90 * 60_000);
    await settle(device, under(bench, 1, 2));
    await bench.house.log.until('admission.admitted', { 'event.reason': 'expired_in_grace' });
  });

  it('goes back where the port shows a chain that it does not trust, says so, and tries again when it is announced', async () => {
    const bench = benchNow();
    const device = await started('untrusted');
    const open = await bench.rollover.open(2);
    const { port } = open;
    await bench.rollover.open(3);
    open.close();
    await bench.rollover.reopen(3, port);
    await bench.rollover.release('successor', 1);
    const stays = { held: [bench.root(1), bench.root(2)], committed: { port: bench.port(1), root: bench.root(1) } };
    await settle(device, stays);
    await bench.house.log.until('trust.failed', { 'event.reason': 'port_untrusted' });
    await settle(device, stays);
    await bench.rollover.swap(2, port);
    bench.pass(dayMs / 12);
    await settle(device, under(bench, 1, 2));
  });

  it('goes back where nobody serves the port, and finds its way where the proven port is closed later', async () => {
    const bench = benchNow();
    const device = await started('unreachable');
    const open = await bench.rollover.open(2);
    open.close();
    await bench.rollover.release('successor', 1);
    const stays = { held: [bench.root(1), bench.root(2)], committed: { port: bench.port(1), root: bench.root(1) } };
    await settle(device, stays);
    await bench.house.log.until('trust.failed', { 'event.reason': 'port_unreachable' });
    const again = await bench.rollover.reopen(2);
    bench.pass(dayMs / 12);
    await settle(device, under(bench, 1, 2));
    again.close();
    await settle(device, stays);
    // The chain of the first root, on the port of the second.
    await bench.rollover.reopen(1, bench.port(2));
    expect((await device.run()).code).not.toBe(1);
    expect(state(device)).toEqual(stays);
  });

  /** Has a device go through this. @returns the sequence of the last step it took. */
  async function through(past: Past, device: TrustDevice): Promise<{ last: number; root: number }> {
    const bench = benchNow();
    const open = await bench.rollover.open(2);
    await bench.rollover.open(3);
    if (past === 'first') return { last: 0, root: 1 };
    const both = [bench.root(1), bench.root(2)];
    const first = { port: bench.port(1), root: bench.root(1) };
    if (past === 'stored') {
      open.close();
      const renewal = await bench.rollover.release('successor', 1);
      await settle(device, { held: both, committed: first });
      return { last: Number(renewal.slice(1)), root: 1 };
    }
    if (past === 'exhausted') {
      const made = new Made(bench);
      const bytes = made.signed(made.successor(1, made.der(2), stepSequenceMax), 1);
      const { kept } = bench.rollover.sign('successor', 1);
      await bench.rollover.put({ ...kept, sequence: stepSequenceMax, size: bytes.length }, bytes);
    } else await bench.rollover.release('successor', 1);
    await settle(device, under(bench, 1, 2));
    if (past === 'proved') return { last: 0, root: 2 };
    const renewal = await bench.rollover.release(past === 'dropped' ? 'drop' : 'withdraw', 2);
    if (past === 'dropped') await settle(device, under(bench, 2));
    else await settle(device, { held: [bench.root(1)], committed: first });
    return { last: Number(renewal.slice(1)), root: past === 'dropped' ? 2 : 1 };
  }

  describe('refuses a step, with the code for it, and changes nothing:', () => {
    it.each(badSteps.map((bad) => [bad.name, pasts[bad.past], bad] as const))(
      '%s, as a device %s',
      async (_, __, bad) => {
        const bench = benchNow();
        const device = await started('bad');
        const { last, root } = await through(bad.past, device);
        await bench.forget();
        const before = state(device);
        const sequence = sequenceOf(bad, last);
        const since = bench.house.log.lines.length;
        await bench.announce(bad.bytes(new Made(bench), sequence), sequence, root);
        const { said } = await device.run();
        const failed = bench.house.log.lines.slice(since).filter((line) => line['event.action'] === 'trust.failed');
        expect(
          failed.map((line) => line['event.reason']),
          said,
        ).toEqual([bad.code]);
        expect(state(device), said).toEqual(before);
      },
    );
  });

  it('says once more that it keeps a step that is announced again, and does not fetch it', async () => {
    const bench = benchNow();
    const device = await started('again');
    await bench.rollover.open(2);
    await bench.rollover.release('successor', 1);
    await settle(device, under(bench, 1, 2));
    const renewal = await bench.rollover.release('drop', 2);
    await settle(device, under(bench, 2));
    const { kept, bytes } = bench.rollover.sign('drop', 2);
    await bench.forget();
    const sequence = Number(renewal.slice(1));
    await bench.rollover.put({ ...kept, sequence, size: bytes.length }, bytes);
    await settle(device, under(bench, 2));
    expect(bench.house.log.count('trust.failed')).toBe(0);
  });

  it.each(Object.entries(cuts))(
    'holds a root that verifies the broker, and ends with the next one, when it is cut off %s',
    async (how, cut) => {
      const bench = benchNow();
      const kind = Object.keys(cuts).indexOf(how);
      await bench.rollover.open(2);
      await bench.rollover.release('successor', 1);
      let isOver = false;
      let cutOff = 0;
      const cutAt = async (at: number): Promise<void> => {
        const device = await make(bench, `${name}-${kind}-${at}`);
        const run = await cut(device, at);
        isOver ||= run === null;
        if (!run) return;
        cutOff += 1;
        await settle(device, under(bench, 1, 2), run.said);
      };
      for (let at = 1; !isOver; at += 4) await Promise.all([0, 1, 2, 3].map((more) => cutAt(at + more)));
      expect(cutOff).toBeGreaterThan(2);
      expect(bench.house.log.count('trust.failed')).toBe(0);
      expect(bench.house.log.count('admission.refused')).toBe(0);
    },
    timeoutMs,
  );
}
