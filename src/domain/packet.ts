// How large a PUBLISH is on the wire, and how much payload fits into the largest packet a device takes (MQTT 3.1.1, 2.2 and 3.3).

/** What a device is taken to hold that never said: the buffer of the smallest clients in use. */
export const packetBytesDefault = 256;

/** The smallest packet that can be announced: in CBOR every message of the enrollment fits into it. */
export const packetBytesLeast = 128;

/** The most an MQTT packet may hold after its fixed header (MQTT 3.1.1, 2.2.3), and the largest that can be announced. */
export const packetBytesMost = 268_435_455;

/** Packet type and flags, before the remaining length. */
const typeBytes = 1;
const topicLengthBytes = 2;
const packetIdBytes = 2;

function lengthBytes(remaining: number): number {
  if (remaining < 128) return 1;
  if (remaining < 16_384) return 2;
  return remaining < 2_097_152 ? 3 : 4;
}

/** Bytes of a packet on the wire, from the remaining length that its fixed header gives. */
export function packetBytes(remaining: number): number {
  return typeBytes + lengthBytes(remaining) + remaining;
}

/** Bytes of a PUBLISH at QoS 1, fixed header included. The topic is ASCII. */
export function publishBytes(topic: string, payloadBytes: number): number {
  return packetBytes(topicLengthBytes + topic.length + packetIdBytes + payloadBytes);
}

/** Bytes of payload that fit into a PUBLISH at QoS 1 of at most `packetBytesMax` bytes; 0 or less when none do. */
export function payloadRoom(topic: string, packetBytesMax: number): number {
  const whole = Math.min(packetBytesMax, packetBytesMost);
  const room = whole - publishBytes(topic, 0);
  // A longer remaining length takes a byte more of the packet for each seven bits.
  let payload = room;
  while (payload > 0 && publishBytes(topic, payload) > whole) payload -= 1;
  return payload;
}
