// Frames joined into one a chunk: a WebSocket library must read the same bytes out of both, however they come, and keep nothing.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ws from 'ws';
import { FrameJoiner } from '../../src/broker/door/frame-joiner.ts';

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
function read(chunks: readonly Uint8Array[]): Promise<{ data: Buffer; told: string[] }> {
  const receiver = new Receiver({
    isServer: true,
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
const payload = fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constantFrom(125, 126, 127, 65_535, 65_536)).map(filled);
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

/** The stream in chunks of so many bytes, in turns. */
function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let from = 0, i = 0; from < bytes.length; i += 1) {
    const to = Math.min(bytes.length, from + (sizes[i % sizes.length] ?? 1));
    chunks.push(bytes.subarray(from, to));
    from = to;
  }
  return chunks;
}

function join(bytes: Uint8Array, sizes: readonly number[], overheadMax = Number.POSITIVE_INFINITY): Uint8Array[] {
  const joiner = new FrameJoiner(overheadMax);
  return cut(bytes, sizes).map((chunk) => Uint8Array.from(joiner.join(chunk)));
}

/** Frames that begin in what the joiner hands on for one chunk. */
async function framesIn(chunk: Uint8Array): Promise<number> {
  const receiver = new Receiver({ isServer: true });
  let frames = 0;
  for (const event of ['message', 'ping', 'pong', 'conclude']) receiver.on(event, () => (frames += 1));
  receiver.on('error', () => undefined);
  await new Promise<void>((resolve) => receiver.end(Buffer.from(chunk), resolve));
  return frames;
}

describe('the frame joiner', () => {
  it('hands on the same data, however the stream is cut', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 4 }), sizes, async (messages, at) => {
        const bytes = Buffer.concat(messages.flat().map(bytesOf));
        const through = await read(join(bytes, at));
        const plain = await read([bytes]);
        expect(through.data.equals(plain.data)).toBe(true);
        expect(plain.told.slice(0, through.told.length)).toEqual(through.told);
        expect(through.told.length > 0).toBe(plain.told.length > 0);
      }),
      { numRuns: 50 },
    );
  });

  it('hands on the same when it is cut at every byte, each ping included', async () => {
    const frames = [
      { fin: false, opcode: 2, payload: Buffer.from('begin') },
      { fin: true, opcode: 9, payload: Buffer.from('one') },
      { fin: true, opcode: 0, payload: Buffer.alloc(200, 'x') },
      { fin: true, opcode: 9, payload: Buffer.from('two') },
      { fin: true, opcode: 2, payload: Buffer.alloc(0) },
    ];
    const told = ['ping one', 'ping two'];
    expect(await read(join(Buffer.concat(frames.map(bytesOf)), [1]))).toEqual({
      data: Buffer.from(`begin${'x'.repeat(200)}`),
      told,
    });
  });

  it.each([
    [
      'empty fragments',
      { fin: false, opcode: 2, payload: Buffer.alloc(0) },
      { fin: false, opcode: 0, payload: Buffer.alloc(0) },
    ],
    [
      'fragments of one byte',
      { fin: false, opcode: 2, payload: Buffer.alloc(1) },
      { fin: false, opcode: 0, payload: Buffer.alloc(1) },
    ],
    [
      'frames of one byte',
      { fin: true, opcode: 2, payload: Buffer.alloc(1) },
      { fin: true, opcode: 2, payload: Buffer.alloc(1) },
    ],
    ['pings', { fin: true, opcode: 9, payload: Buffer.alloc(1) }, { fin: true, opcode: 9, payload: Buffer.alloc(1) }],
    ['pongs', { fin: true, opcode: 10, payload: Buffer.alloc(1) }, { fin: true, opcode: 10, payload: Buffer.alloc(1) }],
    [
      'text in fragments',
      { fin: false, opcode: 1, payload: Buffer.alloc(1) },
      { fin: false, opcode: 0, payload: Buffer.alloc(1) },
    ],
  ])('hands on at most a frame of data and a ping for a chunk of many %s', async (_name, first, next) => {
    const bytes = Buffer.concat([bytesOf(first), ...Array.from({ length: 9_000 }, () => bytesOf(next))]);
    for (const chunk of join(bytes, [65_536])) expect(await framesIn(chunk)).toBeLessThanOrEqual(2);
  });

  it.each([
    ['text', [{ fin: true, opcode: 1, payload: Buffer.from('hello') }], ['text ']],
    ['text in fragments', [{ fin: false, opcode: 1, payload: Buffer.from('hello') }], ['text ']],
    ['a fragment of nothing', [{ fin: true, opcode: 0, payload: Buffer.alloc(9) }], ['text ']],
    [
      'a message within a message',
      [
        { fin: false, opcode: 2, payload: Buffer.alloc(0) },
        { fin: true, opcode: 2, payload: Buffer.alloc(0) },
      ],
      ['text '],
    ],
    [
      'a fragment after a finished message',
      [
        { fin: true, opcode: 2, payload: Buffer.alloc(0) },
        { fin: true, opcode: 0, payload: Buffer.alloc(9) },
      ],
      ['text '],
    ],
    ['a reserved opcode', [{ fin: true, opcode: 3, payload: Buffer.alloc(9) }], ['WS_ERR_INVALID_OPCODE']],
    ['a reserved bit', [{ fin: true, opcode: 0x42, payload: Buffer.alloc(9) }], ['WS_ERR_UNEXPECTED_RSV_1']],
    ['a ping in fragments', [{ fin: false, opcode: 9, payload: Buffer.alloc(9) }], ['WS_ERR_EXPECTED_FIN']],
    [
      'a ping too long',
      [{ fin: true, opcode: 9, payload: Buffer.alloc(126) }],
      ['WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
    ],
  ])('has the connection end on %s, and hands on nothing after it', async (_name, frames, told) => {
    const after = bytesOf({ fin: true, opcode: 2, payload: Buffer.from('after') });
    const bytes = Buffer.concat([...frames.map(bytesOf), after]);
    expect(await read(join(bytes, [bytes.length]))).toEqual({ data: Buffer.alloc(0), told });
  });

  it('leaves a frame without a mask, and a length beyond numbers, to be refused', async () => {
    const unmasked = Buffer.concat([Buffer.from([0x82, 126, 0, 200]), Buffer.alloc(200, 'x')]);
    expect((await read(join(unmasked, [50]))).told).toEqual(['WS_ERR_EXPECTED_MASK']);
    const endless = Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.alloc(12, 0xff)]);
    expect((await read(join(endless, [50]))).told).toEqual(['WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH']);
  });

  const overheadMax = 4_096;
  const oneByte = (fin: boolean, opcode: number, byte: number) =>
    bytesOf({ fin, opcode, payload: Buffer.from([byte]) });
  /** A CONNECT of so many bytes in all. */
  const connect = (length: number) => {
    const packet = Buffer.alloc(length, 'x');
    packet.set([0x10, ((length - 3) & 0x7f) | 0x80, (length - 3) >> 7]);
    return packet;
  };

  it.each<[string, Buffer]>([
    ['pings', Buffer.concat(new Array<Buffer>(1_000).fill(oneByte(true, 9, 0)))],
    [
      'pongs of nothing',
      Buffer.concat(new Array<Buffer>(1_000).fill(bytesOf({ fin: true, opcode: 10, payload: Buffer.alloc(0) }))),
    ],
    [
      'empty frames',
      Buffer.concat(new Array<Buffer>(1_000).fill(bytesOf({ fin: true, opcode: 2, payload: Buffer.alloc(0) }))),
    ],
    [
      'fragments of a packet that does not end',
      Buffer.concat([oneByte(false, 2, 0x10), ...new Array<Buffer>(1_000).fill(oneByte(false, 0, 0xff))]),
    ],
  ])('has the connection end on a thousand %s before a first packet, however they are cut', async (_name, bytes) => {
    for (const size of [1, 100, 100_000]) {
      const through = join(bytes, [size], overheadMax);
      expect((await read(through)).told.at(-1)).toMatch(/^WS_ERR_UNEXPECTED_RSV/);
      // What comes after it is not looked at.
      expect(through.reduce((sum, chunk) => sum + chunk.length, 0)).toBeLessThan(2 * overheadMax);
    }
  });

  it('takes a first packet in frames of one byte, and as many pings as come after it', async () => {
    const packet = connect(600);
    const frames = [...packet].map((byte) => oneByte(true, 2, byte));
    const pings = new Array<Buffer>(2_000).fill(oneByte(true, 9, 0x61));
    for (const size of [7, 100_000]) {
      const { data, told } = await read(join(Buffer.concat([...frames, ...pings]), [size], overheadMax));
      expect(data.equals(packet)).toBe(true);
      expect(new Set(told)).toEqual(new Set(['ping a']));
    }
  });
});
