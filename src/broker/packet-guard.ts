// Follows the framing of an MQTT byte stream, so that a packet too large is refused at its fixed header and not after it was
// collected; a PUBLISH up to a second limit is read and thrown away, and an empty one stands for it. It holds back a fixed header
// that has not come whole. Everything beyond the framing is left to the parser behind it.
import { OversizedMessage } from './oversized-message.ts';

export type PacketFault = 'packet_too_large' | 'malformed_length' | 'connect_expected';

/** What became of the bytes given. */
export interface Passed {
  readonly fault: PacketFault | null;
  /** What goes on to the parser. */
  readonly bytes: Uint8Array;
  /** How many of the bytes given were taken; the others are to be given again. */
  readonly used: number;
  /** How many packets ended in them. */
  readonly packets: number;
  /** How many of them were thrown away. */
  readonly discarded: number;
  /** `bytes` is one PUBLISH that stands for a message of so many bytes; null: they are as they came. */
  readonly standsFor: number | null;
}

/** Whole packets, fixed header included. */
export interface GuardLimits {
  /** The first packet's, which must be CONNECT. */
  readonly bytesMaxBeforeConnect: number;
  readonly bytesMax: number;
  /** A PUBLISH up to this size is thrown away where it is larger than `bytesMax`. */
  readonly bytesMaxDiscarded: number;
}

const packetTypeConnect = 1;
const packetTypePublish = 3;
/** The remaining length takes at most four bytes (MQTT 3.1.1, 2.2.3). */
const lengthBytesMax = 4;
const nothing = Buffer.alloc(0);

export class PacketGuard {
  readonly #limits: GuardLimits;
  #first = true;
  #fault: PacketFault | null = null;
  /** Bytes of the current packet's body still to come; -1 before its length is known. */
  #body = -1;
  /** The current packet's first byte. */
  #type = 0;
  /** Bytes of the remaining length read so far; -1 before the packet's first byte. */
  #lengthBytes = -1;
  #length = 0;
  /** The part of a fixed header that has come. */
  #held: Uint8Array = nothing;
  #oversized: OversizedMessage | null = null;

  constructor(limits: GuardLimits) {
    this.#limits = limits;
  }

  /**
   * Takes the next bytes, however they were cut, but none after the end of the last packet that may pass, nor after CONNECT: what
   * follows is asked for again once CONNECT was accepted. The first fault stays.
   */
  pass(chunk: Uint8Array, packetsMax: number): Passed {
    if (this.#oversized) return this.#discard(this.#oversized, chunk, 0);
    const most = this.#first ? 1 : packetsMax;
    const held = this.#held;
    let at = 0;
    let packets = 0;
    /** Where the fixed header begins that is being read. */
    let begin = 0;
    while (this.#fault === null && at < chunk.length && packets < most) {
      if (this.#body > 0) {
        const step = Math.min(this.#body, chunk.length - at);
        this.#body -= step;
        at += step;
      } else {
        if (this.#lengthBytes < 0) begin = at;
        this.#fault = this.#header(chunk[at] ?? 0);
        at += 1;
        if (this.#oversized) {
          if (begin === 0) return this.#discard(this.#oversized, chunk, at);
          // What came before it goes first; it is read again.
          this.#endPacket();
          return passed(joined(held, chunk.subarray(0, begin)), begin, packets);
        }
      }
      if (this.#body !== 0) continue;
      this.#endPacket();
      packets += 1;
    }
    if (this.#fault) return { ...passed(nothing, at, packets), fault: this.#fault };
    if (this.#lengthBytes < 0 || this.#body > 0) {
      this.#held = nothing;
      return passed(joined(held, at === chunk.length ? chunk : chunk.subarray(0, at)), at, packets);
    }
    const isBegun = begin > 0 || held.length === 0;
    this.#held = joined(isBegun ? nothing : held, Uint8Array.from(chunk.subarray(begin, at)));
    return passed(begin > 0 ? joined(held, chunk.subarray(0, begin)) : nothing, at, packets);
  }

  #header(byte: number): PacketFault | null {
    if (this.#lengthBytes < 0) {
      this.#lengthBytes = 0;
      this.#type = byte;
      // [MQTT-3.1.0-1]
      return this.#first && byte >> 4 !== packetTypeConnect ? 'connect_expected' : null;
    }
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes += 1;
    const more = (byte & 0x80) !== 0;
    if (more && this.#lengthBytes === lengthBytesMax) return 'malformed_length';
    const { bytesMaxBeforeConnect, bytesMax, bytesMaxDiscarded } = this.#limits;
    const bytes = 1 + this.#lengthBytes + this.#length;
    if (bytes > (this.#first ? bytesMaxBeforeConnect : bytesMax)) {
      // The first packet is none: it is a CONNECT.
      const mayDiscard = this.#type >> 4 === packetTypePublish && bytes <= bytesMaxDiscarded;
      if (!mayDiscard) return 'packet_too_large';
      if (!more) this.#oversized = new OversizedMessage(this.#type, bytes, this.#length);
    } else if (!more) this.#body = this.#length;
    return null;
  }

  #discard(message: OversizedMessage, chunk: Uint8Array, from: number): Passed {
    const at = message.take(chunk, from);
    const taken = { fault: null, used: at, discarded: at };
    if (!message.isWhole) return { ...taken, bytes: nothing, packets: 0, standsFor: null };
    const standIn = message.standIn();
    this.#endPacket();
    if (standIn) return { ...taken, bytes: standIn, packets: 1, standsFor: message.bytes };
    this.#fault = 'malformed_length';
    return { ...taken, fault: this.#fault, bytes: nothing, packets: 0, standsFor: null };
  }

  #endPacket(): void {
    this.#first = false;
    this.#body = -1;
    this.#lengthBytes = -1;
    this.#length = 0;
    this.#oversized = null;
    this.#held = nothing;
  }
}

function passed(bytes: Uint8Array, used: number, packets: number): Passed {
  return { fault: null, bytes, used, packets, discarded: 0, standsFor: null };
}

function joined(before: Uint8Array, after: Uint8Array): Uint8Array {
  return before.length === 0 ? after : Buffer.concat([before, after]);
}
