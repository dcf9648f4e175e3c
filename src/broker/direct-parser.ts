// Parses whole PUBLISH, PUBACK and PINGREQ packets straight from the bytes that were read: nearly all that a broker is sent. Whatever
// else comes, and whatever is wrong, is left to mqtt-packet, so that there is one place that says what is malformed.
import { isTopicName } from '../domain/topics.ts';
import type { PacketParser } from './aedes-internals.ts';
import { textOf } from './filter-packets.ts';
import { setTopicAside } from './set-aside.ts';
import { makeStrict } from './strict-parser.ts';

const publishType = 0x30;
const typeBits = 0xf0;
const [dupBit, retainBit, lowBits] = [0x08, 0x01, 0x7f];
/** First byte and remaining length (MQTT 3.1.1, 3.4 and 3.12). */
const [puback, pubackLength, pingreq, pingreqLength] = [0x40, 2, 0xc0, 0];
const lengthBytesMax = 4;
/** Of a topic's length, and of a packet identifier. */
const numberBytes = 2;
/** States of mqtt-packet's parser: it waits for a packet, and for the body of one. */
const [atHeader, inBody] = [0, 2];

/** A packet as mqtt-packet makes it: the same members, in the same order. */
class Packet {
  cmd: 'publish' | 'puback' | 'pingreq';
  retain: boolean;
  qos: number;
  dup: boolean;
  length: number;
  topic: string | null;
  payload: Buffer | null;
  declare messageId?: number;

  constructor(cmd: Packet['cmd'], first: number, length: number, topic: string | null, payload: Buffer | null) {
    this.cmd = cmd;
    this.retain = (first & retainBit) !== 0;
    this.qos = (first >> 1) & 3;
    this.dup = (first & dupBit) !== 0;
    this.length = length;
    this.topic = topic;
    this.payload = payload;
  }
}

/** Makes the parser strict, and direct. To be called before it is given its first byte. */
export function parseDirectly(parser: PacketParser): void {
  makeStrict(parser);
  const parse = parser.parse.bind(parser);
  parser.parse = (chunk) => {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = owed(parser, bytes.length);
    if (at > 0) {
      const left = parse(at === bytes.length ? bytes : bytes.subarray(0, at));
      if (at === bytes.length || parser.error) return left;
    }
    while (at < bytes.length) {
      const next = takePacket(parser, bytes, at);
      if (next === at) return parse(at === 0 ? bytes : bytes.subarray(at));
      at = next;
    }
    return 0;
  };
}

/** How many of the next bytes are mqtt-packet's: all of them, or those that end the PUBLISH that it has a part of. */
function owed({ error, settings, packet, _stateCounter, _list }: PacketParser, bytes: number): number {
  // A PUBLISH of MQTT 5 has properties before its payload.
  if (error || settings.protocolVersion === 5) return bytes;
  if (_stateCounter === atHeader) return 0;
  return packet.cmd === 'publish' && _stateCounter === inBody ? Math.min(bytes, packet.length - _list.length) : bytes;
}

/** @returns where the next packet begins; `at` itself: this one is mqtt-packet's. */
function takePacket(parser: PacketParser, bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if ((first & typeBits) === publishType) return takePublish(parser, bytes, at, first);
  const length = bytes[at + 1];
  const body = at + 2;
  if (first === pingreq && length === pingreqLength) {
    parser.emit('packet', new Packet('pingreq', first, pingreqLength, null, null));
    return body;
  }
  if (first !== puback || length !== pubackLength || body + pubackLength > bytes.length) return at;
  const messageId = numberAt(bytes, body);
  if (messageId === 0) return at;
  const packet = new Packet('puback', first, pubackLength, null, null);
  packet.messageId = messageId;
  parser.emit('packet', packet);
  return body + pubackLength;
}

function takePublish(parser: PacketParser, bytes: Buffer, at: number, first: number): number {
  const qos = (first >> 1) & 3;
  // DUP is not set at QoS 0 [MQTT-3.3.1-2].
  if (qos === 3 || (qos === 0 && (first & dupBit) !== 0)) return at;
  let body = at + 1;
  let length = 0;
  for (let place = 0, factor = 1; ; place += 1, factor *= 128) {
    const byte = bytes[body];
    if (byte === undefined || place === lengthBytesMax) return at;
    length += (byte & lowBits) * factor;
    body += 1;
    if (byte <= lowBits) break;
  }
  const end = body + length;
  if (end > bytes.length) return at;
  const topicBegin = body + numberBytes;
  const topicEnd = topicBegin + numberAt(bytes, body);
  const payloadBegin = qos === 0 ? topicEnd : topicEnd + numberBytes;
  if (payloadBegin > end) return at;
  const messageId = qos === 0 ? 0 : numberAt(bytes, topicEnd);
  if (qos > 0 && messageId === 0) return at;
  const topic = textOf(bytes, topicBegin, topicEnd);
  const packet = new Packet('publish', first, length, topic, bytes.subarray(payloadBegin, end));
  if (qos > 0) packet.messageId = messageId;
  if (!isTopicName(topic)) setTopicAside(packet as Parameters<typeof setTopicAside>[0]);
  parser.emit('packet', packet);
  return end;
}

function numberAt(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
