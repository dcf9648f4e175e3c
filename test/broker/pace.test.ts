// The pace of one connection's packets: nothing is lost or reordered by it, it keeps to its rate, and others have their turns.
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Budget } from '../../src/broker/budget.ts';
import { guardReads } from '../../src/broker/guarded-reads.ts';
import { LoopTurns } from '../../src/broker/loop-turns.ts';
import { PacketGuard } from '../../src/broker/packet-guard.ts';
import { PacketPace } from '../../src/broker/packet-pace.ts';
import { connectPacket, generate } from './harness.ts';

const pings = (count: number): Buffer => Buffer.alloc(count * 2, generate({ cmd: 'pingreq' }));

function paceOf(packetsPerSecond: number, budget?: Budget): PacketPace {
  const turns = new LoopTurns();
  return new PacketPace(packetsPerSecond, turns, () => (budget ??= new Budget(turns)));
}

/** A stream that brings the chunks and ends, read as aedes reads; resolves with what was read, by turns of the event loop. */
function readPaced(chunks: readonly Buffer[], pace: PacketPace): Promise<{ bytes: Buffer; turns: number[] }> {
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const guard = new PacketGuard({ bytesMaxBeforeConnect: 10_000, bytesMax: 10_000, bytesMaxDiscarded: 1_000_000 });
  guardReads(stream, {
    guard,
    pace,
    onFault: (fault) => stream.destroy(new Error(fault)),
    onSlowed: () => undefined,
    onPart: () => undefined,
    onOversized: () => undefined,
  });
  const read: Buffer[] = [];
  const turns: number[] = [];
  let turn = 0;
  const countTurns = (): void => {
    turn += 1;
    if (!stream.readableEnded) setImmediate(countTurns);
  };
  countTurns();
  return new Promise((resolve, reject) => {
    stream.on('readable', () => {
      for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
        read.push(chunk as Buffer);
        turns[turn] = (turns[turn] ?? 0) + (chunk as Buffer).length;
      }
    });
    stream.once('end', () => resolve({ bytes: Buffer.concat(read), turns }));
    stream.once('error', reject);
    for (const chunk of chunks) stream.push(chunk);
    stream.push(null);
  });
}

describe('the pace of packets', () => {
  it('lets every byte pass once and in order, however the packets were cut, up to the end of the stream', async () => {
    const packet = fc.oneof(
      fc.constant(generate({ cmd: 'pingreq' })),
      fc.integer({ min: 1, max: 65_535 }).map((messageId) => generate({ cmd: 'pubrel', messageId })),
      fc.integer({ min: 0, max: 5_000 }).map((size) =>
        generate({
          cmd: 'publish',
          topic: 't',
          payload: Buffer.alloc(size, size),
          qos: 0,
          dup: false,
          retain: false,
        }),
      ),
    );
    const packets = fc.array(packet, { maxLength: 600, size: 'max' });
    const cuts = fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(packets, cuts, async (sent, at) => {
        const all = Buffer.concat([connectPacket('d1'), ...sent]);
        const chunks: Buffer[] = [];
        for (let from = 0; from < all.length; from += chunks.at(-1)?.length ?? 1) {
          chunks.push(all.subarray(from, from + (at[chunks.length % at.length] ?? 1)));
        }
        const { bytes } = await readPaced(chunks, paceOf(10_000));
        expect(bytes.equals(all)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('hands on 128 packets in a turn at most', async () => {
    const { bytes, turns } = await readPaced([connectPacket('d1'), pings(5_000)], paceOf(1_000_000));
    expect(bytes).toHaveLength(connectPacket('d1').length + 10_000);
    expect(Math.max(...turns.filter(Boolean))).toBeLessThanOrEqual(128 * 2 + connectPacket('d1').length);
    expect(turns.filter(Boolean).length).toBeGreaterThanOrEqual(Math.floor(5_000 / 128));
  });

  it('lets a second’s packets pass at once, then no more than the rate, and saves up no more than that', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 20_000 }), fc.integer({ min: 0, max: 60_000 }), (rate, quietMs) => {
        let now = 0;
        const turns = {
          get current() {
            return { at: now };
          },
        };
        const budget = new Budget(turns);
        const pace = new PacketPace(rate, turns, () => budget);
        now += quietMs;
        const started = now;
        let passed = 0;
        while (now - started < 5_000) {
          const packets = pace.allowance;
          passed += packets;
          now += pace.take(packets, 0) ?? 0;
        }
        const most = rate + ((now - started) / 1_000) * rate;
        expect(passed).toBeLessThanOrEqual(most + 1);
        expect(passed).toBeGreaterThan(most * 0.95 - 128);
      }),
      { numRuns: 50 },
    );
  });
});
