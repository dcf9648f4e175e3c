// The packet guard: it must agree with every well-formed stream however it is cut, and stop a large packet at its header.
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import type { Packet } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { guardReads } from '../../src/broker/guarded-reads.ts';
import { LoopTurns } from '../../src/broker/loop-turns.ts';
import { PacketGuard } from '../../src/broker/packet-guard.ts';
import { PacketPace } from '../../src/broker/packet-pace.ts';
import { closed, connectPacket, generate, House, until } from './harness.ts';

const packet = fc.oneof(
  fc.record({ topic: fc.stringMatching(/^[a-z/]{1,40}$/), payload: fc.uint8Array({ maxLength: 400 }) }).map(
    ({ topic, payload }): Packet => ({
      cmd: 'publish',
      topic,
      payload: Buffer.from(payload),
      qos: 0,
      dup: false,
      retain: false,
    }),
  ),
  fc.constant<Packet>({ cmd: 'pingreq' }),
  fc.constant<Packet>({ cmd: 'disconnect' }),
  fc.integer({ min: 1, max: 65_535 }).map((messageId): Packet => ({ cmd: 'puback', messageId })),
);

interface Fed {
  readonly fault: string | null;
  /** Bytes given when the fault was found. */
  readonly fed: number;
  readonly out: Buffer;
  /** Sizes of the messages that were thrown away. */
  readonly dropped: readonly number[];
}

/** Gives a guard the bytes in pieces, as a stream would that is given back what was not used. */
function feedCut(guard: PacketGuard, bytes: Buffer, cuts: readonly number[], packetsMax = 1_000): Fed {
  const out: Uint8Array[] = [];
  const dropped: number[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const end = Math.min(bytes.length, at + (cuts[i % Math.max(1, cuts.length)] ?? 1));
    const passed = guard.pass(bytes.subarray(at, end), packetsMax);
    // Streams may reuse what they gave.
    out.push(Uint8Array.from(passed.bytes));
    if (passed.standsFor !== null) dropped.push(passed.standsFor);
    if (passed.fault) return { fault: passed.fault, fed: end, out: Buffer.concat(out), dropped };
    at += passed.used;
  }
  return { fault: null, fed: at, out: Buffer.concat(out), dropped };
}

const limits = (bytesMaxBeforeConnect: number, bytesMax: number, bytesMaxDiscarded = 0) => ({
  bytesMaxBeforeConnect,
  bytesMax,
  bytesMaxDiscarded,
});

const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });

describe('the packet guard', () => {
  it('lets every stream within its limits pass, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 12 }), cuts, (packets, at) => {
        const bytes = Buffer.concat([connectPacket('d1'), ...packets.map(generate)]);
        expect(feedCut(new PacketGuard(limits(100, 1_000)), bytes, at)).toMatchObject({ fault: null, out: bytes });
      }),
    );
  });

  it('stops exactly the packets over the limit, at their fixed header', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 5, max: 400 }), cuts, (size, limit, at) => {
        const large = generate({
          cmd: 'publish',
          topic: 't',
          payload: Buffer.alloc(size),
          qos: 0,
          dup: false,
          retain: false,
        });
        const connect = connectPacket('d1');
        const { fault, fed } = feedCut(new PacketGuard(limits(100, limit)), Buffer.concat([connect, large]), at);
        expect(fault).toBe(large.length > limit ? 'packet_too_large' : null);
        if (fault) expect(fed).toBeLessThanOrEqual(connect.length + 5 + Math.max(...at));
      }),
    );
  });

  it('puts an empty message in the place of one up to the second limit, however the stream is cut', () => {
    const large = fc
      .record({
        topic: fc.stringMatching(/^[a-zé/]{1,150}$/),
        bytes: fc.integer({ min: 100, max: 900 }),
        qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
        dup: fc.boolean(),
        retain: fc.boolean(),
        messageId: fc.integer({ min: 1, max: 65_535 }),
      })
      .map(
        ({ bytes, dup, ...rest }): Packet => ({
          cmd: 'publish',
          payload: Buffer.alloc(bytes, 'x'),
          dup: dup && rest.qos > 0,
          ...rest,
        }),
      );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(packet, large), { maxLength: 12 }),
        cuts,
        fc.constantFrom(1, 3, 1_000),
        (packets, at, most) => {
          const dropped: number[] = [];
          const expected = packets.map((each) => {
            const size = generate(each).length;
            if (each.cmd !== 'publish' || size <= 200) return generate(each);
            dropped.push(size);
            return generate({ ...each, payload: '', retain: false });
          });
          const bytes = Buffer.concat([connectPacket('d1'), ...packets.map(generate)]);
          expect(feedCut(new PacketGuard(limits(100, 200, 2_000)), bytes, at, most)).toMatchObject({
            fault: null,
            out: Buffer.concat([connectPacket('d1'), ...expected]),
            dropped,
          });
        },
      ),
    );
  });

  it('throws away nothing but messages, and none that is malformed or above the second limit', () => {
    const afterConnect = (bytes: Buffer) =>
      feedCut(new PacketGuard(limits(100, 200, 1_000)), Buffer.concat([connectPacket('d1'), bytes]), [7]);
    const publish = { cmd: 'publish', topic: 't', qos: 0, dup: false, retain: false } as const;
    const subscriptions = Array.from({ length: 50 }, (_, place) => ({ topic: `devices/d1/${place}`, qos: 0 as const }));
    expect(afterConnect(generate({ cmd: 'subscribe', messageId: 1, subscriptions })).fault).toBe('packet_too_large');
    expect(afterConnect(generate({ ...publish, payload: Buffer.alloc(1_000) })).fault).toBe('packet_too_large');
    expect(afterConnect(generate({ ...publish, payload: Buffer.alloc(900) })).dropped).toEqual([906]);
    // A topic, or a topic and a packet identifier, beyond the packet's end.
    for (const header of [0x30, 0x32]) {
      const malformed = Buffer.concat([
        Buffer.from([header, 0xac, 0x02, 0x01, header === 0x30 ? 0x2b : 0x2a]),
        Buffer.alloc(298),
      ]);
      expect(afterConnect(malformed).fault).toBe('malformed_length');
    }
  });

  it('gives nothing after CONNECT before it is asked again', () => {
    const connect = connectPacket('d1');
    const both = Buffer.concat([connect, generate({ cmd: 'pingreq' })]);
    expect(new PacketGuard(limits(100, 100)).pass(both, 10)).toMatchObject({ used: connect.length, packets: 1 });
  });

  it('holds the first packet to the smaller limit, and wants it to be CONNECT', () => {
    const connect = connectPacket('x'.repeat(200));
    expect(new PacketGuard(limits(100, 1_000)).pass(connect, 1).fault).toBe('packet_too_large');
    expect(new PacketGuard(limits(1_000, 1_000)).pass(connect, 1).fault).toBeNull();
    expect(new PacketGuard(limits(100, 1_000)).pass(generate({ cmd: 'pingreq' }), 1).fault).toBe('connect_expected');
    expect(new PacketGuard(limits(100, 1_000)).pass(Buffer.from('GET / HTTP/1.1\r\n'), 1).fault).toBe(
      'connect_expected',
    );
  });

  it('refuses a remaining length of more than four bytes', () => {
    const endless = Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80, 0x01]);
    expect(new PacketGuard(limits(2 ** 30, 2 ** 30)).pass(endless, 1).fault).toBe('malformed_length');
  });

  it('never throws and never forgets a fault, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
        const guard = new PacketGuard(limits(50, 100));
        let seen: string | null = null;
        for (const chunk of chunks) {
          const { fault } = guard.pass(chunk, Number.POSITIVE_INFINITY);
          if (seen !== null) expect(fault).toBe(seen);
          seen = fault;
        }
      }),
    );
  });

  it('gives the reader nothing once a fault was found, and tells it once', () => {
    const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    const faults: string[] = [];
    guardReads(stream, {
      guard: new PacketGuard(limits(100, 100)),
      pace: new PacketPace(1_000, new LoopTurns(), () => undefined),
      onFault: (fault) => faults.push(fault),
      onSlowed: () => undefined,
      onPart: () => undefined,
      onOversized: () => undefined,
    });
    stream.push(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]));
    expect(stream.read()).toBeNull();
    stream.push(connectPacket('d1'));
    expect(stream.read()).toBeNull();
    expect(faults).toEqual(['packet_too_large']);
  });
});

describe('a connection that announces too much', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());

  it('is cut at the header of a CONNECT of 256 MB, with less than 64 KiB read', async () => {
    const original = PacketGuard.prototype.pass;
    const socket = await house.raw(await house.device('d1'));
    let bytesRead = 0;
    const pass = vi.spyOn(PacketGuard.prototype, 'pass').mockImplementation(function (this: PacketGuard, bytes, most) {
      bytesRead += bytes.length;
      return original.call(this, bytes, most);
    });
    socket.on('data', () => undefined);
    socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]));
    const pour = (): void => void socket.write(Buffer.alloc(16 * 1024), (error) => error ?? setImmediate(pour));
    pour();
    await closed(socket);
    pass.mockRestore();
    expect(bytesRead).toBeGreaterThan(0);
    expect(bytesRead).toBeLessThan(64 * 1024);
    expect(house.told('packet.refused').at(-1)?.reason).toBe('packet_too_large');
    expect(house.entrance.admitted).toHaveLength(0);
  });

  it('is cut on a message over the second limit, told with its principal, and leaves other clients alone', async () => {
    const credential = await house.device('d2');
    const other = await house.connected(credential, 'd2:other');
    const client = await house.connected(credential, 'd2');
    client.publish('devices/d2/x', Buffer.alloc(17 * 1024 * 1024));
    await closed(client);
    expect(house.told('packet.refused').at(-1)).toMatchObject({
      reason: 'packet_too_large',
      fields: { 'nolapse.principal': 'd2', 'nolapse.client_id': 'd2' },
    });
    await other.publishAsync('devices/d2/x', Buffer.alloc(200 * 1024), { qos: 1 });
    expect(other.connected).toBe(true);
  });

  it('may send CONNECT and a large message in one go', async () => {
    const socket = await house.raw(await house.device('d3'));
    socket.on('data', () => undefined);
    const hello = { cmd: 'publish', topic: '$enroll/1/d3/hello', qos: 0, dup: false, retain: false } as const;
    socket.write(Buffer.concat([connectPacket('d3'), generate({ ...hello, payload: Buffer.alloc(100 * 1024) })]));
    await until(() => house.entrance.received.length === 1);
    expect(house.entrance.received[0]?.payload).toHaveLength(100 * 1024);
  });
});
