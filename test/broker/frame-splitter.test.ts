// Frames cut into smaller ones: a WebSocket library must read the same bytes out of both, however they come.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ws from 'ws';
import { FrameSplitter } from '../../src/broker/frame-splitter.ts';

const frameBytesMax = 128;

interface Frame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

function bytesOf({ fin, opcode, payload }: Frame): Buffer {
  const mask = Buffer.from([0x9a, 0x01, 0x00, 0xf7]);
  const length = payload.length;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = (fin ? 0x80 : 0) | opcode;
  header[1] = 0x80 | (header.length === 2 ? length : header.length === 4 ? 126 : 127);
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  const masked = payload.map((byte, place) => byte ^ (mask[place % 4] ?? 0));
  return Buffer.concat([header, mask, masked]);
}

/** ws's own, which its types leave out. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => NodeJS.WritableStream };

/** What the library makes of the bytes: data of messages, pings, and the first fault. */
function read(chunks: readonly Uint8Array[], maxPayload: number): Promise<{ data: Buffer; told: string[] }> {
  const receiver = new Receiver({
    isServer: true,
    maxPayload,
  });
  const parts: Buffer[] = [];
  const told: string[] = [];
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) parts.push(Buffer.from(data));
    else told.push(`text ${data}`);
  });
  receiver.on('ping', (data: Buffer) => told.push(`ping ${data}`));
  return new Promise((resolve) => {
    const end = (): void => resolve({ data: Buffer.concat(parts), told });
    receiver.on('error', (error: Error & { code: string }) => {
      told.push(error.code);
      end();
    });
    receiver.on('finish', end);
    for (const chunk of chunks) receiver.write(chunk);
    receiver.end();
  });
}

const filled = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, place) => (place * 7) & 0xff));
const payload = fc
  .oneof(fc.integer({ min: 0, max: 3 * frameBytesMax }), fc.constantFrom(125, 126, 127, 128, 129))
  .map(filled);
const ping = fc.constant<Frame>({ fin: true, opcode: 9, payload: Buffer.from('here') });
/** A binary message in one frame or several, with a ping after each of them. */
const message = fc
  .tuple(fc.array(payload, { minLength: 1, maxLength: 3 }), fc.option(ping))
  .map(([pieces, between]) =>
    pieces.flatMap((piece, place): Frame[] => [
      { fin: place === pieces.length - 1, opcode: place === 0 ? 2 : 0, payload: piece },
      ...(between ? [between] : []),
    ]),
  );

describe('the frame splitter', () => {
  it('hands on the same data and pings, in frames of bounded size, however the stream is cut', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 4 }), cuts, async (messages, at) => {
        const bytes = Buffer.concat(messages.flat().map(bytesOf));
        const splitter = new FrameSplitter(frameBytesMax);
        const chunks: Uint8Array[] = [];
        for (let from = 0, i = 0; from < bytes.length; i += 1) {
          const to = Math.min(bytes.length, from + (at[i % at.length] ?? 1));
          chunks.push(Uint8Array.from(splitter.split(bytes.subarray(from, to))));
          from = to;
        }
        const split = await read(chunks, frameBytesMax);
        expect(split).toEqual(await read([bytes], 0));
      }),
      { numRuns: 50 },
    );
  });

  it('cuts frames of any size, into pieces of the size that is used', async () => {
    for (const length of [65_535, 65_536, 65_537, 200_000]) {
      const bytes = bytesOf({ fin: true, opcode: 2, payload: filled(length) });
      const chunks = [bytes.subarray(0, 7), bytes.subarray(7, 90_000), bytes.subarray(90_000)];
      const splitter = new FrameSplitter(65_536);
      const split = await read(
        chunks.map((chunk) => splitter.split(chunk)),
        65_536,
      );
      expect(split.told).toEqual([]);
      expect(split.data.equals(filled(length))).toBe(true);
    }
  });

  it('cut at every byte hands on the same', async () => {
    const frames = [
      { fin: false, opcode: 2, payload: Buffer.from('begin') },
      { fin: true, opcode: 0, payload: Buffer.alloc(200, 'x') },
      { fin: true, opcode: 2, payload: Buffer.alloc(0) },
    ];
    const bytes = Buffer.concat(frames.map(bytesOf));
    const splitter = new FrameSplitter(frameBytesMax);
    const chunks = Array.from(bytes, (byte) => Uint8Array.from(splitter.split(Uint8Array.of(byte))));
    expect(await read(chunks, frameBytesMax)).toEqual({ data: Buffer.from(`begin${'x'.repeat(200)}`), told: [] });
  });

  it('leaves text, its fragments and what is out of order to be refused as before', async () => {
    const through = async (...frames: Frame[]) =>
      (await read([new FrameSplitter(frameBytesMax).split(Buffer.concat(frames.map(bytesOf)))], frameBytesMax)).told;
    const large = Buffer.alloc(frameBytesMax + 1, 'x');
    expect(await through({ fin: true, opcode: 1, payload: large })).toEqual(['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']);
    expect(
      await through(
        { fin: false, opcode: 1, payload: Buffer.alloc(100) },
        { fin: true, opcode: 0, payload: Buffer.alloc(100) },
      ),
    ).toEqual(['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']);
    expect(await through({ fin: true, opcode: 0, payload: large })).toEqual(['WS_ERR_INVALID_OPCODE']);
    expect(
      await through({ fin: true, opcode: 2, payload: Buffer.alloc(1) }, { fin: true, opcode: 0, payload: large }),
    ).toEqual(['WS_ERR_INVALID_OPCODE']);
    expect(await through({ fin: true, opcode: 3, payload: large })).toEqual(['WS_ERR_INVALID_OPCODE']);
  });

  it('leaves a frame without a mask to be refused as before', async () => {
    const bytes = Buffer.concat([Buffer.from([0x82, 126, 0, 200]), Buffer.alloc(200, 'x')]);
    const { told } = await read([new FrameSplitter(frameBytesMax).split(bytes)], 0);
    expect(told).toEqual(['WS_ERR_EXPECTED_MASK']);
  });
});
