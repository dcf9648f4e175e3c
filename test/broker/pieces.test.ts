// Node 26 gives what a stream has buffered a piece at a time, and aedes asks once for each time it is told that there is something.
import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { guardReads } from '../../src/broker/guarded-reads.ts';
import { PacketGuard } from '../../src/broker/packet-guard.ts';
import type { PacketPace } from '../../src/broker/packet-pace.ts';
import { connectPacket, publishBytes } from './harness.ts';

/** A stream that gives one piece for each read, as every stream does from Node 26 on. */
class Pieces extends Duplex {
  readonly #pieces: Buffer[];

  constructor(pieces: readonly Buffer[]) {
    super();
    this.#pieces = [...pieces];
    const length = () => this.#pieces.reduce((sum, piece) => sum + piece.length, 0);
    Object.defineProperty(this, 'readableLength', { get: length });
  }

  override read(): Buffer | null {
    return this.#pieces.shift() ?? null;
  }

  override unshift(piece: Buffer): void {
    this.#pieces.unshift(piece);
  }
}

const unhurried = { hold: null, allowance: 100, take: () => null } as unknown as PacketPace;
const nothing = (): void => undefined;

it('reads all the pieces that have come at once, whatever packets they cut', () => {
  const guard = new PacketGuard({ bytesMaxBeforeConnect: 1_000, bytesMax: 100_000, bytesMaxDiscarded: 200_000 });
  const [connect, publish] = [connectPacket('d1'), publishBytes('devices/d1/x', 1, Buffer.alloc(50_000, 'x'))];
  const sent = Buffer.concat([connect, publish]);
  const pieces = Array.from({ length: 4 }, (_, index) => sent.subarray(index * 16_384, (index + 1) * 16_384));
  const stream = new Pieces(pieces.filter(({ length }) => length > 0));
  guardReads(stream, {
    guard,
    pace: unhurried,
    onFault: nothing,
    onSlowed: nothing,
    onPart: nothing,
    onOversized: nothing,
  });
  // What follows CONNECT is asked for again once that was accepted.
  expect(stream.read()).toEqual(connect);
  expect(stream.read()).toEqual(publish);
  expect(stream.read()).toBeNull();
});
