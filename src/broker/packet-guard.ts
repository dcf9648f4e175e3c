// Follows the framing of an MQTT byte stream, without holding any of it, so that a packet too large is refused at its
// fixed header and not after it was collected. Everything beyond the framing is left to the parser behind it.

export type PacketFault = 'packet_too_large' | 'malformed_length' | 'connect_expected';

/** What of the bytes given was taken, and how many packets ended in it. */
export interface Passed {
  readonly fault: PacketFault | null;
  readonly bytes: number;
  readonly packets: number;
}

const packetTypeConnect = 1;
/** The remaining length takes at most four bytes (MQTT 3.1.1, 2.2.3). */
const lengthBytesMax = 4;

export class PacketGuard {
  readonly #bytesMaxAfter: number;
  #bytesMax: number;
  #first = true;
  #fault: PacketFault | null = null;
  /** Bytes of the current packet's body still to come; -1 before its length is known. */
  #body = -1;
  /** Bytes of the remaining length read so far; -1 before the packet's first byte. */
  #lengthBytes = -1;
  #length = 0;

  /** Both limits count whole packets, fixed header included: the first packet's, and every later one's. */
  constructor(bytesMaxBeforeConnect: number, bytesMax: number) {
    this.#bytesMax = bytesMaxBeforeConnect;
    this.#bytesMaxAfter = bytesMax;
  }

  /**
   * Takes the next bytes, however they were cut, but none after the end of the last packet that may pass. The first fault stays.
   */
  pass(chunk: Uint8Array, packetsMax: number): Passed {
    let at = 0;
    let packets = 0;
    while (this.#fault === null && at < chunk.length && packets < packetsMax) {
      if (this.#body > 0) {
        const step = Math.min(this.#body, chunk.length - at);
        this.#body -= step;
        at += step;
      } else {
        this.#fault = this.#header(chunk[at] ?? 0);
        at += 1;
      }
      if (this.#body !== 0) continue;
      this.#endPacket();
      packets += 1;
    }
    return { fault: this.#fault, bytes: at, packets };
  }

  #header(byte: number): PacketFault | null {
    if (this.#lengthBytes < 0) {
      this.#lengthBytes = 0;
      // [MQTT-3.1.0-1]
      return this.#first && byte >> 4 !== packetTypeConnect ? 'connect_expected' : null;
    }
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes += 1;
    const more = (byte & 0x80) !== 0;
    if (more && this.#lengthBytes === lengthBytesMax) return 'malformed_length';
    if (1 + this.#lengthBytes + this.#length > this.#bytesMax) return 'packet_too_large';
    if (!more) this.#body = this.#length;
    return null;
  }

  #endPacket(): void {
    this.#first = false;
    this.#bytesMax = this.#bytesMaxAfter;
    this.#body = -1;
    this.#lengthBytes = -1;
    this.#length = 0;
  }
}
