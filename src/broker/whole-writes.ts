// Has each PUBLISH and acknowledgement written to a client in one piece, where mqtt-packet writes three to six: each piece costs the
// stream as much as a whole packet. The bytes are the same, and all other packets are left to mqtt-packet. What a client is answered that
// has fallen behind is counted.
import type { Writable } from 'node:stream';
import mqttPacket, { type Packet } from 'mqtt-packet';
import type { WrittenPacket } from './aedes-internals.ts';
import { UnreadAnswers } from './unread-answers.ts';

type Write = (packet: WrittenPacket, stream: Writable, options?: object) => boolean;

/** aedes takes it from here at each packet. */
const module = mqttPacket as unknown as { writeToStream: Write };

const answers = Symbol('packets are written to it whole, and its answers counted');
/** Writable streams that were given to {@link writeWhole}. */
type Marked = Writable & { [answers]?: UnreadAnswers };

/** A larger payload is written behind its head, and all who are sent it share it: a copy for each slow reader would take memory. */
const joinedBytesMax = 4_096;
const identifierMax = 0xffff;
const topicBytesMax = 0xffff;
/** A remaining length of one byte, and of two (MQTT 3.1.1, 2.2.3). */
const [oneByteMax, twoBytesMax] = [127, 16_383];
/** First bytes of acknowledgements (MQTT 3.1.1, 2.2.1 and 2.2.2). */
const acknowledged: ReadonlyMap<unknown, number> = new Map([
  ['puback', 0x40],
  ['pubrec', 0x50],
  ['pubrel', 0x62],
  ['pubcomp', 0x70],
]);
const acknowledgementBytes = 4;

/**
 * From now on packets are written to the stream whole.
 * @param onUnread is called once, when its reader has left too many answers unread; it is given no more.
 */
export function writeWhole(stream: Writable, onUnread: () => void): void {
  layOver();
  (stream as Marked)[answers] = new UnreadAnswers(stream, onUnread);
}

let isLaid = false;

function layOver(): void {
  if (isLaid) return;
  isLaid = true;
  const inPieces = module.writeToStream;
  const write: Write = (packet, stream: Marked, options) => {
    const unread = stream[answers];
    if (unread === undefined || options !== undefined) return inPieces(packet, stream, options);
    if (packet.cmd === 'publish') return writePublish(packet, stream) ?? inPieces(packet, stream);
    const bytes = unread.isBehind ? answerOf(packet) : null;
    if (bytes) return unread.write(bytes) || acknowledged.has(packet.cmd);
    return writeAcknowledgement(packet, stream) ?? inPieces(packet, stream);
  };
  // What else is set on the function, such as whether numbers are cached, stays mqtt-packet's.
  module.writeToStream = Object.defineProperties(write, Object.getOwnPropertyDescriptors(inPieces));
}

/** Null: it is left to mqtt-packet. */
function writePublish(packet: WrittenPacket, stream: Writable): boolean | null {
  const { topic, payload, messageId, qos = 0 } = packet;
  if (typeof topic !== 'string' || !Buffer.isBuffer(payload)) return null;
  const topicBytes = Buffer.byteLength(topic);
  if (topicBytes > topicBytesMax || qos > 2 || (qos > 0 && !isIdentifier(messageId))) return null;
  const identifierBytes = qos > 0 ? 2 : 0;
  const remaining = 2 + topicBytes + identifierBytes + payload.length;
  if (remaining > twoBytesMax) return null;
  const lengthBytes = remaining > oneByteMax ? 2 : 1;
  const headBytes = 1 + lengthBytes + 2 + topicBytes + identifierBytes;
  const isJoined = payload.length <= joinedBytesMax;
  const bytes = Buffer.allocUnsafe(isJoined ? headBytes + payload.length : headBytes);
  bytes[0] = 0x30 | (packet.dup ? 8 : 0) | (qos << 1) | (packet.retain ? 1 : 0);
  bytes[1] = lengthBytes === 1 ? remaining : (remaining & 0x7f) | 0x80;
  if (lengthBytes === 2) bytes[2] = remaining >> 7;
  const at = bytes.writeUInt16BE(topicBytes, 1 + lengthBytes);
  bytes.write(topic, at, topicBytes, topicBytes === topic.length ? 'latin1' : 'utf8');
  if (messageId !== undefined && qos > 0) bytes.writeUInt16BE(messageId, at + topicBytes);
  corkForNow(stream);
  if (!isJoined) {
    stream.write(bytes);
    return stream.write(payload);
  }
  bytes.set(payload, headBytes);
  return stream.write(bytes);
}

/** Null: it is left to mqtt-packet. */
function writeAcknowledgement(packet: WrittenPacket, stream: Writable): boolean | null {
  const bytes = acknowledgementOf(packet);
  if (bytes === null) return null;
  corkForNow(stream);
  stream.write(bytes);
  // As mqtt-packet: nobody waits for an acknowledgement to drain.
  return true;
}

function acknowledgementOf({ cmd, messageId, dup }: WrittenPacket): Buffer | null {
  const first = acknowledged.get(cmd);
  if (first === undefined || dup || !isIdentifier(messageId)) return null;
  return acknowledgementsOf(first).subarray(messageId * acknowledgementBytes, (messageId + 1) * acknowledgementBytes);
}

/** What is counted of a client that is behind: all that it can ask for again and again. Null: it is none of that. */
function answerOf(packet: WrittenPacket): Buffer | null {
  if (packet.cmd === 'pingresp' || packet.cmd === 'suback' || packet.cmd === 'unsuback') {
    return mqttPacket.generate(packet as Packet);
  }
  return acknowledgementOf(packet);
}

/** All acknowledgements of a kind, made when the first is written: what waits for a slow reader is a part of it, and takes no memory. */
const made = new Map<number, Buffer>();

function acknowledgementsOf(first: number): Buffer {
  const known = made.get(first);
  if (known) return known;
  const all = Buffer.alloc((identifierMax + 1) * acknowledgementBytes);
  for (let id = 0; id <= identifierMax; id += 1) {
    all.writeUInt16BE((first << 8) | 2, id * acknowledgementBytes);
    all.writeUInt16BE(id, id * acknowledgementBytes + 2);
  }
  made.set(first, all);
  return all;
}

function isIdentifier(id: unknown): id is number {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) <= identifierMax;
}

/** What is written in one tick goes out together. */
function corkForNow(stream: Writable): void {
  stream.cork();
  process.nextTick(uncork, stream);
}

function uncork(stream: Writable): void {
  stream.uncork();
}
