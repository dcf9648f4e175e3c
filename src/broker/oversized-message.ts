// A PUBLISH larger than is taken, read to its end and thrown away. Its fixed header, topic and packet identifier alone are
// kept: an empty message with them stands for it, so that aedes acknowledges it as any other, whatever its QoS.
import { framed } from './framed.ts';

/** Two bytes say how long the topic is (MQTT 3.1.1, 1.5.3). */
const lengthBytes = 2;
const identifierBytes = 2;
const qosBits = 0x06;
const retainBit = 0x01;

export class OversizedMessage {
  /** The whole packet's size. */
  readonly bytes: number;
  readonly #header: number;
  /** Bytes after the fixed header that are still to come. */
  #left: number;
  #head = Buffer.alloc(lengthBytes);
  #filled = 0;
  #knowsTopicLength = false;

  /** @param header the packet's first byte. @param remaining bytes after its fixed header. */
  constructor(header: number, bytes: number, remaining: number) {
    this.#header = header;
    this.bytes = bytes;
    this.#left = remaining;
  }

  get isWhole(): boolean {
    return this.#left === 0;
  }

  /** Takes the next bytes from `at` on, however they were cut. @returns where it stopped. */
  take(chunk: Uint8Array, at: number): number {
    const end = at + Math.min(this.#left, chunk.length - at);
    this.#left -= end - at;
    let next = at;
    while (next < end && this.#filled < this.#head.length) {
      const step = Math.min(end - next, this.#head.length - this.#filled);
      this.#head.set(chunk.subarray(next, next + step), this.#filled);
      this.#filled += step;
      next += step;
      if (this.#filled === this.#head.length && !this.#knowsTopicLength) this.#makeRoom();
    }
    return end;
  }

  /** The PUBLISH that stands for it. Null when topic and identifier are longer than the packet: it was none. */
  standIn(): Uint8Array | null {
    if (!this.#knowsTopicLength || this.#filled < this.#head.length) return null;
    return framed(this.#header & ~retainBit, this.#head);
  }

  #makeRoom(): void {
    this.#knowsTopicLength = true;
    const identifier = (this.#header & qosBits) === 0 ? 0 : identifierBytes;
    const whole = Buffer.alloc(lengthBytes + this.#head.readUInt16BE(0) + identifier);
    this.#head.copy(whole);
    this.#head = whole;
  }
}
