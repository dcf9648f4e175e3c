// Joins the binary frames that come from a WebSocket client in one chunk into a single frame, because the WebSocket library keeps an
// object for each frame and fragment until the message is whole. MQTT does not care where frames end [MQTT-6.0.0-2], so nothing is kept
// here but a header or a control frame that has not come whole. What is not MQTT is handed on so that the library refuses it, and so is
// who sends little but frames before a first packet.
import { FirstPacket } from './first-packet.ts';

const [finBit, opcodeBits, maskBit] = [0x80, 0x0f, 0x80];
const [continuation, text, binary, close, ping, pong] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa];
const [length16, length64] = [126, 127];
const maskBytes = 4;
/** The longest payload of a control frame (RFC 6455, 5.5). */
const controlBytesMax = 125;
/** A text message, after which the connection ends: control packets travel in binary frames [MQTT-6.0.0-1]. */
const emptyText = Buffer.from([finBit | text, maskBit, 0, 0, 0, 0]);
/** A frame with reserved bits, which ends it too. */
const reserved = Buffer.from([0xf0, maskBit, 0, 0, 0, 0]);
const nothing = Buffer.alloc(0);
const headerBytesMax = 14;

interface Frame {
  readonly opcode: number;
  readonly mask: Uint8Array;
  /** Payload bytes in all, and of them those that have come. */
  readonly length: number;
  come: number;
}

export class FrameJoiner {
  /** Bytes of headers and control frames that may still come; null: the first packet has come whole. */
  #overheadLeft: number | null;
  readonly #first = new FirstPacket();
  readonly #header = Buffer.alloc(headerBytesMax);
  #headerCome = 0;
  #frame: Frame | null = null;
  /** A control frame as far as it has come, header included. */
  #control: Uint8Array[] = [];
  /** Does a binary message go on in the next data frame? */
  #isOpen = false;
  #isRefused = false;

  /** @param overheadBytesMax bytes of headers and control frames that may come before the first packet is whole. */
  constructor(overheadBytesMax: number) {
    this.#overheadLeft = overheadBytesMax;
  }

  /**
   * Takes the client's bytes, however they were cut.
   * @returns what to hand on: at most one data frame, then the last ping, then a close frame or what ends the connection. Of several
   * pings only the last has to be answered (RFC 6455, 5.5.3), and a pong means nothing here.
   */
  join(chunk: Uint8Array): Uint8Array {
    const data = Buffer.allocUnsafe(chunk.length);
    let length = 0;
    let lastPing: Uint8Array = nothing;
    let end: Uint8Array = nothing;
    let at = 0;
    while (at < chunk.length && !this.#isRefused) {
      if (!this.#frame) {
        if (this.#takeHeader(chunk[at] ?? 0)) end = this.#begin();
        at += 1;
        if (this.#isTooMuch(1)) end = this.#refuse(reserved);
      } else {
        const part = chunk.subarray(at, at + this.#frame.length - this.#frame.come);
        at += part.length;
        if (this.#frame.opcode >= close) {
          this.#control.push(part);
          if (this.#isTooMuch(part.length)) end = this.#refuse(reserved);
        } else {
          unmask(part, this.#frame, data, length);
          length += part.length;
          this.#look(data.subarray(length - part.length, length));
        }
        this.#frame.come += part.length;
      }
      if (!this.#frame || this.#frame.come < this.#frame.length) continue;
      if (this.#frame.opcode === ping) lastPing = Buffer.concat(this.#control);
      if (this.#frame.opcode === close) {
        end = Buffer.concat(this.#control);
        this.#isRefused = true;
      }
      this.#frame = null;
    }
    return Buffer.concat([...joined(data.subarray(0, length)), lastPing, end]);
  }

  #isTooMuch(bytes: number): boolean {
    if (this.#overheadLeft === null) return false;
    this.#overheadLeft -= bytes;
    return this.#overheadLeft < 0;
  }

  #look(data: Uint8Array): void {
    if (this.#overheadLeft !== null && this.#first.isWholeWith(data)) this.#overheadLeft = null;
  }

  /** @returns whether the header is whole (RFC 6455, 5.2). */
  #takeHeader(byte: number): boolean {
    this.#header[this.#headerCome] = byte;
    this.#headerCome += 1;
    return this.#headerCome >= 2 && this.#headerCome >= headerBytes(this.#header[1] ?? 0);
  }

  /** Begins a frame. @returns what has the library end the connection; empty: the frame is well. */
  #begin(): Uint8Array {
    const header = Buffer.from(this.#header.subarray(0, this.#headerCome));
    this.#headerCome = 0;
    const [first = 0, second = 0] = header;
    const opcode = first & opcodeBits;
    const isWhole = (first & finBit) !== 0;
    const length = payloadBytes(header);
    const isWell = first === (first & (finBit | opcodeBits)) && (second & maskBit) !== 0 && length !== null;
    if (isWell && (opcode === binary || opcode === continuation)) {
      if (this.#isOpen !== (opcode === continuation)) return this.#refuse(emptyText);
      this.#isOpen = !isWhole;
      this.#frame = { opcode, mask: header.subarray(-maskBytes), length, come: 0 };
      return nothing;
    }
    const isControl = opcode === close || opcode === ping || opcode === pong;
    if (!isWell || !isControl || !isWhole || length > controlBytesMax) {
      return this.#refuse(isWell && opcode === text ? emptyText : header);
    }
    this.#control = [header];
    this.#frame = { opcode, mask: nothing, length, come: 0 };
    return nothing;
  }

  #refuse(how: Uint8Array): Uint8Array {
    this.#isRefused = true;
    return how;
  }
}

function headerBytes(second: number): number {
  const length = second & ~maskBit;
  return 2 + (length === length64 ? 8 : length === length16 ? 2 : 0) + ((second & maskBit) === 0 ? 0 : maskBytes);
}

/** Null: more than a number holds. */
function payloadBytes(header: Buffer): number | null {
  const length = (header[1] ?? 0) & ~maskBit;
  if (length === length16) return header.readUInt16BE(2);
  if (length !== length64) return length;
  const long = header.readBigUInt64BE(2);
  return long <= Number.MAX_SAFE_INTEGER ? Number(long) : null;
}

/** Takes the mask off what came next of a frame, into `data` from `to` on. */
function unmask(part: Uint8Array, { mask, come }: Frame, data: Uint8Array, to: number): void {
  for (let place = 0; place < part.length; place += 1) {
    data[to + place] = (part[place] ?? 0) ^ (mask[(come + place) % maskBytes] ?? 0);
  }
}

/** One frame, with a mask of zeros, which the library does not take off byte by byte. */
function joined(data: Uint8Array): readonly Uint8Array[] {
  const { length } = data;
  if (length === 0) return [];
  const header = Buffer.alloc((length < length16 ? 2 : length < 2 ** 16 ? 4 : 10) + maskBytes);
  header[0] = finBit | binary;
  header[1] = maskBit | (length < length16 ? length : length < 2 ** 16 ? length16 : length64);
  if (length >= 2 ** 16) header.writeBigUInt64BE(BigInt(length), 2);
  else if (length >= length16) header.writeUInt16BE(length, 2);
  return [header, data];
}
