// Joins the binary frames that come from a WebSocket client in one chunk into a single frame, because the WebSocket library keeps an
// object for each frame and fragment until the message is whole. MQTT does not care where frames end [MQTT-6.0.0-2], so nothing is kept
// here but a header or a control frame that has not come whole. What is not MQTT is handed on so that the library refuses it.

const [finBit, opcodeBits, maskBit] = [0x80, 0x0f, 0x80];
const [continuation, text, binary, close, ping, pong] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa];
const [length16, length64] = [126, 127];
const maskBytes = 4;
/** The longest payload of a control frame (RFC 6455, 5.5). */
const controlBytesMax = 125;
/** A text message, after which the connection ends: control packets travel in binary frames [MQTT-6.0.0-1]. */
const emptyText = Buffer.from([finBit | text, maskBit, 0, 0, 0, 0]);
const nothing = Buffer.alloc(0);

interface Frame {
  readonly opcode: number;
  readonly mask: Uint8Array;
  /** Payload bytes in all, and of them those that have come. */
  readonly length: number;
  come: number;
}

export class FrameJoiner {
  #header: Buffer = nothing;
  #frame: Frame | null = null;
  /** A control frame as far as it has come, header included. */
  #control: Uint8Array[] = [];
  /** Does a binary message go on in the next data frame? */
  #isOpen = false;
  #isRefused = false;

  /**
   * Takes the client's bytes, however they were cut.
   * @returns what to hand on: at most one data frame, then the last ping, then a close frame or what ends the connection. Of several
   * pings only the last has to be answered (RFC 6455, 5.5.3), and a pong means nothing here.
   */
  join(chunk: Uint8Array): Uint8Array {
    const data: Uint8Array[] = [];
    let lastPing: Uint8Array = nothing;
    let end: Uint8Array = nothing;
    let at = 0;
    while (at < chunk.length && !this.#isRefused) {
      if (!this.#frame) {
        const header = this.#takeHeader(chunk[at] ?? 0);
        at += 1;
        if (header) end = this.#begin(header);
      } else {
        const part = chunk.subarray(at, at + this.#frame.length - this.#frame.come);
        at += part.length;
        if (this.#frame.opcode >= close) this.#control.push(part);
        else data.push(unmasked(part, this.#frame.mask, this.#frame.come));
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
    return Buffer.concat([...joined(data), lastPing, end]);
  }

  /** @returns the frame's header once it is whole (RFC 6455, 5.2). */
  #takeHeader(byte: number): Buffer | null {
    const header = Buffer.concat([this.#header, Buffer.from([byte])]);
    const second = header[1];
    this.#header = header;
    if (second === undefined || header.length < headerBytes(second)) return null;
    this.#header = nothing;
    return header;
  }

  /** Begins a frame. @returns what has the library end the connection; empty: the frame is well. */
  #begin(header: Buffer): Uint8Array {
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

function unmasked(part: Uint8Array, mask: Uint8Array, offset: number): Uint8Array {
  const out = Buffer.allocUnsafe(part.length);
  for (let place = 0; place < part.length; place += 1) {
    out[place] = (part[place] ?? 0) ^ (mask[(offset + place) % maskBytes] ?? 0);
  }
  return out;
}

/** One frame, with a mask of zeros, which the library does not take off byte by byte. */
function joined(data: readonly Uint8Array[]): readonly Uint8Array[] {
  const length = data.reduce((sum, part) => sum + part.length, 0);
  if (length === 0) return [];
  const header = Buffer.alloc((length < length16 ? 2 : length < 2 ** 16 ? 4 : 10) + maskBytes);
  header[0] = finBit | binary;
  header[1] = maskBit | (length < length16 ? length : length < 2 ** 16 ? length16 : length64);
  if (length >= 2 ** 16) header.writeBigUInt64BE(BigInt(length), 2);
  else if (length >= length16) header.writeUInt16BE(length, 2);
  return [header, ...data];
}
