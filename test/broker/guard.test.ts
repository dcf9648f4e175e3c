// The packet guard: it must agree with every well-formed stream however it is cut, and stop a large packet at its header.
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import type { Packet } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { guardReads } from '../../src/broker/guarded-reads.ts';
import { PacketGuard } from '../../src/broker/packet-guard.ts';
import { LoopTurns, PacketPace } from '../../src/broker/packet-pace.ts';
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

function feedCut(guard: PacketGuard, bytes: Buffer, cuts: readonly number[]): { fault: string | null; fed: number } {
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const end = Math.min(bytes.length, at + (cuts[i % Math.max(1, cuts.length)] ?? 1));
    const { fault } = guard.pass(bytes.subarray(at, end), Number.POSITIVE_INFINITY);
    if (fault) return { fault, fed: end };
    at = end;
  }
  return { fault: null, fed: at };
}

const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });

describe('the packet guard', () => {
  it('lets every stream within its limits pass, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 12 }), cuts, (packets, at) => {
        const bytes = Buffer.concat([connectPacket('d1'), ...packets.map(generate)]);
        expect(feedCut(new PacketGuard(100, 1_000), bytes, at).fault).toBeNull();
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
        const { fault, fed } = feedCut(new PacketGuard(100, limit), Buffer.concat([connect, large]), at);
        expect(fault).toBe(large.length > limit ? 'packet_too_large' : null);
        if (fault) expect(fed).toBeLessThanOrEqual(connect.length + 5 + Math.max(...at));
      }),
    );
  });

  it('holds the first packet to the smaller limit, and wants it to be CONNECT', () => {
    const connect = connectPacket('x'.repeat(200));
    expect(new PacketGuard(100, 1_000).pass(connect, 1).fault).toBe('packet_too_large');
    expect(new PacketGuard(1_000, 1_000).pass(connect, 1).fault).toBeNull();
    expect(new PacketGuard(100, 1_000).pass(generate({ cmd: 'pingreq' }), 1).fault).toBe('connect_expected');
    expect(new PacketGuard(100, 1_000).pass(Buffer.from('GET / HTTP/1.1\r\n'), 1).fault).toBe('connect_expected');
  });

  it('refuses a remaining length of more than four bytes', () => {
    const endless = Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80, 0x01]);
    expect(new PacketGuard(2 ** 30, 2 ** 30).pass(endless, 1).fault).toBe('malformed_length');
  });

  it('never throws and never forgets a fault, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
        const guard = new PacketGuard(50, 100);
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
      guard: new PacketGuard(100, 100),
      pace: new PacketPace(1_000, new LoopTurns()),
      onFault: (fault) => faults.push(fault),
      onSlowed: () => undefined,
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

  it('is cut on a message over the limit and leaves other clients alone', async () => {
    const credential = await house.device('d2');
    const other = await house.connected(credential, 'd2:other');
    const client = await house.connected(credential, 'd2');
    client.publish('devices/d2/x', Buffer.alloc(300 * 1024));
    await closed(client);
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
