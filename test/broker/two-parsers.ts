// Holds the parser of whole packets against mqtt-packet: streams of made-up packets, well-formed and not, cut anywhere, are given to
// both, and what each makes of them must be the same to the last member.
import { deepStrictEqual } from 'node:assert';
import mqttPacket, { type Packet } from 'mqtt-packet';
import type { PacketParser, PublishPacket } from '../../src/broker/aedes-internals.ts';
import { parseDirectly } from '../../src/broker/direct-parser.ts';
import { PacketGuard } from '../../src/broker/packet-guard.ts';
import { setAsideOf } from '../../src/broker/set-aside.ts';
import { makeStrict } from '../../src/broker/strict-parser.ts';
import { connectPacket, framed, generate } from './harness.ts';

/** A generator of numbers from 0 to 1 that a seed determines (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Where a remaining length takes another byte, and where numbers end. */
const edges = [0, 1, 2, 3, 4, 126, 127, 128, 129, 255, 256, 16_382, 16_383, 16_384, 16_385];
const rareEdges = [65_535, 65_536, 2_097_151, 2_097_152];
const topics = ['a', 'devices/d1/x', '', '/', '+', 'a/#', 'ü/ключ', '\ufffd', 'a\0b', '$SYS/x', '😀', '#'].map((each) =>
  Buffer.from(each),
);
/** Those at the edges, and those that look like the beginning of a packet. */
const identifiers = [1, 255, 256, 65_535, 0xc000, 0x4002, 0x3004];
/** Bytes that are no UTF-8 beside some that are. */
const texts = [
  Buffer.from([0xff]),
  Buffer.from([0x61, 0xc3]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xc0, 0x80]),
];

class Maker {
  readonly #next: () => number;

  constructor(next: () => number) {
    this.#next = next;
  }

  chance(of: number): boolean {
    return this.#next() < of;
  }

  below(end: number): number {
    return Math.floor(this.#next() * end);
  }

  one<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length, this.below(256));
    for (let i = 0; i < Math.min(length, 8); i += 1) bytes[this.below(length)] = this.below(256);
    return bytes;
  }

  identifier(): Buffer {
    const id = this.chance(0.1) ? 0 : this.chance(0.2) ? this.one(identifiers) : this.below(65_536);
    return Buffer.from([id >> 8, id & 0xff]);
  }

  text(): Buffer {
    if (this.chance(0.1)) return this.one(texts);
    if (this.chance(0.6)) return this.one(topics);
    return this.bytes(this.chance(0.002) ? 65_535 : this.below(40));
  }

  prefixed(text: Buffer): Buffer {
    return Buffer.concat([Buffer.from([text.length >> 8, text.length & 0xff]), text]);
  }

  /** Payloads are small, or such that the packet's length is at an edge. */
  publish(): Buffer {
    const qos = this.below(this.chance(0.05) ? 4 : 3);
    const first = 0x30 | (this.chance(0.1) ? 8 : 0) | (qos << 1) | (this.chance(0.2) ? 1 : 0);
    const head = [this.prefixed(this.text()), ...(qos > 0 ? [this.identifier()] : [])];
    const headBytes = head.reduce((sum, { length }) => sum + length, 0);
    const edge = this.chance(0.0005) ? this.one(rareEdges) : this.one(edges);
    const payload = this.chance(0.02) ? Math.max(0, edge - headBytes) : this.below(60);
    return framed(first, Buffer.concat([...head, this.bytes(payload)]));
  }

  acknowledgement(): Buffer {
    const first = this.chance(0.6) ? 0x40 : this.one([0x50, 0x62, 0x60, 0x70, 0x41, 0x4f]);
    const length = this.chance(0.9) ? 2 : this.below(5);
    return framed(first, Buffer.concat([this.identifier(), this.bytes(3)]).subarray(0, length));
  }

  /** Packets that are always mqtt-packet's. */
  other(): Buffer {
    const filters = Array.from({ length: this.below(3) }, () => this.prefixed(this.text()));
    switch (this.below(8)) {
      case 0:
        return framed(0x82, Buffer.concat([this.identifier(), ...filters.flatMap((each) => [each, this.bytes(1)])]));
      case 1:
        return framed(0xa2, Buffer.concat([this.identifier(), ...filters]));
      case 2:
        return generate({ cmd: 'subscribe', messageId: 5, subscriptions: [{ topic: 'a/b', qos: 1 }] });
      case 3:
        return connectPacket('d1');
      case 4:
        return framed(0xe0, this.bytes(this.chance(0.9) ? 0 : 2));
      case 5:
        // Too short: what comes behind it may be read as its own.
        return framed(0x10, connectPacket('d1').subarray(2, 2 + this.below(16)));
      case 6:
        return framed(this.one([0x20, 0x90, 0xb0]), this.bytes(this.below(3)));
      default:
        return framed(this.below(256), this.bytes(this.below(6)));
    }
  }

  /** A packet of any kind; one in ten is spoilt somewhere. */
  packet(): Buffer {
    const kind = this.#next();
    const packet =
      kind < 0.6
        ? this.publish()
        : kind < 0.75
          ? this.acknowledgement()
          : kind < 0.85
            ? framed(this.chance(0.9) ? 0xc0 : 0xc1, this.bytes(this.chance(0.9) ? 0 : this.below(3)))
            : this.other();
    if (!this.chance(0.1)) return packet;
    const spoilt = Buffer.from(packet);
    switch (this.below(4)) {
      case 0:
        spoilt[this.below(spoilt.length)] = this.below(256);
        return spoilt;
      case 1:
        // Its length says more or less than comes.
        spoilt[1] = ((spoilt[1] ?? 0) + this.one([-2, -1, 1, 2])) & 0xff;
        return spoilt;
      case 2:
        // A length in more bytes than it needs, up to one too many.
        return Buffer.concat([
          packet.subarray(0, 1),
          longLength(packet.length - 2, 2 + this.below(4)),
          packet.subarray(2),
        ]);
      default:
        return spoilt.subarray(0, 1 + this.below(spoilt.length));
    }
  }

  /** Cuts the bytes into chunks: some whole, some byte by byte. */
  chunks(bytes: Buffer): Buffer[] {
    const chunks: Buffer[] = [];
    const most = this.one([1, 3, 10, 50, 500, Number.POSITIVE_INFINITY]);
    for (let at = 0; at < bytes.length; ) {
      const step = most === Number.POSITIVE_INFINITY || bytes.length > 10_000 ? bytes.length : 1 + this.below(most);
      // Copies, as from a socket.
      chunks.push(Buffer.from(bytes.subarray(at, at + step)));
      at += step;
    }
    return chunks;
  }
}

function longLength(length: number, bytes: number): Buffer {
  return Buffer.from(
    Array.from({ length: bytes }, (_, place) => ((length >> (7 * place)) & 0x7f) | (place < bytes - 1 ? 0x80 : 0)),
  );
}

/** What came out of a parser, in order: the members of each packet, what was set aside of it, and errors. */
type Outcome = readonly unknown[];

function parserWith(isDirect: boolean, protocolVersion: number): { parser: PacketParser; outcome: Outcome } {
  const outcome: unknown[] = [];
  const made = mqttPacket.parser();
  const parser = made as unknown as PacketParser;
  if (isDirect) parseDirectly(parser);
  else makeStrict(parser);
  Object.assign(parser, { settings: { protocolVersion } });
  made.on('packet', (packet: Packet) =>
    outcome.push(Object.entries(packet), setAsideOf(packet as unknown as PublishPacket)),
  );
  made.on('error', (error: Error) => outcome.push(error.message));
  return { parser, outcome };
}

const limits = { bytesMaxBeforeConnect: 1_000, bytesMax: 20_000, bytesMaxDiscarded: 100_000 };

/** As the broker cuts: the guard passes CONNECT first, and from then on never a part of a fixed header. */
function throughGuard(chunks: readonly Buffer[], packetsMax: number): Uint8Array[] {
  const guard = new PacketGuard(limits);
  const passed: Uint8Array[] = [];
  for (const chunk of [connectPacket('d1'), ...chunks]) {
    for (let left: Uint8Array = chunk; left.length > 0; ) {
      const { fault, bytes, used } = guard.pass(left, packetsMax);
      if (fault) return passed;
      if (bytes.length > 0) passed.push(bytes);
      left = left.subarray(used);
    }
  }
  return passed;
}

/**
 * Compares the two over so many packets. Throws at the first difference, with what shows it.
 * @returns how many packets and errors came out of them.
 */
export function compareParsers(packets: number, seed: number): { readonly packets: number; readonly errors: number } {
  let came = 0;
  let errors = 0;
  for (let made = 0, stream = 0; made < packets; stream += 1) {
    const maker = new Maker(randomFrom(seed * 1_000_003 + stream));
    const several = Array.from({ length: 1 + maker.below(12) }, () => maker.packet());
    made += several.length;
    const raw = maker.chunks(Buffer.concat(several));
    const chunks = maker.chance(0.5) ? throughGuard(raw, 1 + maker.below(10)) : raw;
    const version = maker.chance(0.05) ? 5 : 4;
    const [ours, theirs] = [parserWith(true, version), parserWith(false, version)];
    for (const chunk of chunks) {
      ours.parser.parse(Buffer.from(chunk));
      theirs.parser.parse(Buffer.from(chunk));
      // The connection ends with it.
      if (theirs.parser.error || ours.parser.error) break;
    }
    const shown = `seed ${seed}, stream ${stream}: ${chunks.map((each) => Buffer.from(each).toString('hex')).join(' ')}`;
    try {
      deepStrictEqual(ours.outcome, theirs.outcome);
      deepStrictEqual(ours.parser.error?.message, theirs.parser.error?.message);
    } catch (error) {
      throw new Error(`${shown.slice(0, 4_000)}\n${error instanceof Error ? error.message : ''}`);
    }
    errors += theirs.parser.error ? 1 : 0;
    came += theirs.outcome.filter(Array.isArray).length;
  }
  return { packets: came, errors };
}
