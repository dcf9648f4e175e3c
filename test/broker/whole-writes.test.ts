// What is written to a client: the bytes that mqtt-packet writes, each packet in one piece.
import { once } from 'node:events';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { writeWhole } from '../../src/broker/whole-writes.ts';
import { connectPacket, generate, House, publishBytes, until } from './harness.ts';

/** Keeps what is written to it, piece by piece. */
class Kept extends Writable {
  readonly pieces: Buffer[] = [];
  failure: string | undefined;

  constructor() {
    super();
    this.on('error', (error) => {
      this.failure = error.message;
    });
  }

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.pieces.push(piece);
    done();
  }
}

const either = fc.boolean();
const identifier = fc.oneof(
  fc.constantFrom(0, 1, 255, 256, 65_535, 65_536, -1, 1.5, undefined),
  fc.integer({ max: 65_535 }),
);
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  // About where a length takes another byte, and where a payload is no longer copied.
  fc
    .constantFrom(0, 119, 120, 125, 126, 127, 4_096, 4_097, 16_375, 16_383, 16_384, 20_000)
    .map((n) => Buffer.alloc(n, 7)),
  fc.string(),
  fc.constant(undefined),
);
const topic = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 100 }),
  fc.constantFrom('', 'a', 'ü', '\ud800', 'x'.repeat(65_535), 'x'.repeat(65_536), undefined),
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
);
const publish = fc.record({
  cmd: fc.constant('publish'),
  topic,
  payload,
  qos: fc.constantFrom(0, 1, 2, 3, undefined),
  retain: either,
  dup: either,
  messageId: identifier,
});
const acknowledgement = fc.record({
  cmd: fc.constantFrom('puback', 'pubrec', 'pubrel', 'pubcomp'),
  messageId: identifier,
  dup: fc.constantFrom(false, true, undefined),
  qos: fc.constantFrom(0, 1, undefined),
});
const others = fc.constantFrom(
  { cmd: 'pingresp' },
  { cmd: 'connack', returnCode: 5, sessionPresent: false },
  { cmd: 'suback', messageId: 5, granted: [0, 128] },
  { cmd: 'unheard-of' },
);

/** How each write ended, the bytes, and what the stream failed with. */
async function written(packets: readonly object[], isWhole: boolean) {
  const kept = new Kept();
  if (isWhole) writeWhole(kept, () => undefined);
  const answers = packets.map((packet) => {
    try {
      return mqttPacket.writeToStream(packet as Packet, kept);
    } catch {
      return 'thrown';
    }
  });
  await new Promise(setImmediate);
  return { answers, bytes: Buffer.concat(kept.pieces).toString('hex'), failure: kept.failure, kept };
}

it('writes the bytes that mqtt-packet writes, and fails where it fails', async () => {
  const sequences = fc.array(fc.oneof({ weight: 4, arbitrary: publish }, acknowledgement, others), {
    minLength: 1,
    maxLength: 4,
  });
  const check = async (packets: readonly object[]) => {
    const [ours, theirs] = [await written(packets, true), await written(packets, false)];
    // What is written of a packet that fails half way is lost with its connection.
    const isWell = theirs.failure === undefined && !theirs.answers.includes('thrown');
    expect(ours.answers).toEqual(theirs.answers);
    expect(ours.failure).toBe(theirs.failure);
    if (isWell) expect(ours.bytes).toBe(theirs.bytes);
  };
  await fc.assert(fc.asyncProperty(sequences, check), { numRuns: 3_000 });
});

it('writes a packet in one piece, and a large payload in a second that is not copied', async () => {
  const large = Buffer.alloc(5_000, 1);
  const whole = [
    { cmd: 'publish', topic: 'a/ü', payload: Buffer.from('x'), qos: 1, messageId: 300 },
    { cmd: 'publish', topic: 'a', payload: Buffer.alloc(200), qos: 0 },
    { cmd: 'puback', messageId: 1 },
    { cmd: 'pubrec', messageId: 2 },
    { cmd: 'pubrel', messageId: 3 },
    { cmd: 'pubcomp', messageId: 65_535 },
  ];
  const { kept } = await written(whole, true);
  expect(kept.pieces).toHaveLength(whole.length);
  const { kept: second } = await written([{ cmd: 'publish', topic: 'a', payload: large, qos: 0 }], true);
  expect(second.pieces).toHaveLength(2);
  expect(second.pieces[1]?.buffer).toBe(large.buffer);
});

it('goes for what the broker writes: over a WebSocket each packet comes in one frame', async () => {
  const house = await House.open({}, { websocket: { host: '127.0.0.1', port: 0, path: '/mqtt' } });
  const { cert, key } = await house.device('d1');
  const options = { ca: house.authority.ca, servername: 'localhost', cert, key };
  const socket = new WebSocket(`wss://127.0.0.1:${house.websocketPort}/mqtt`, 'mqtt', options);
  const frames: Buffer[] = [];
  socket.on('message', (frame: Buffer) => frames.push(frame));
  await once(socket, 'open');
  const subscribe = generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'devices/d1/#', qos: 1 }] });
  socket.send(Buffer.concat([connectPacket('d1'), subscribe]));
  const text = () => Buffer.concat(frames).toString('latin1');
  await until(() => Buffer.concat(frames).includes(Buffer.from([0x90, 3, 0, 1, 1])));
  const before = frames.length;
  socket.send(publishBytes('devices/d1/x', 1, Buffer.from('hello'), 9));
  await until(() => text().includes('hello') && Buffer.concat(frames).includes(Buffer.from([0x40, 2, 0, 9])));
  expect(
    frames
      .slice(before)
      .map(([first = 0]) => first >> 4)
      .sort(),
  ).toEqual([3, 4]);
  socket.terminate();
  await house.close();
});
