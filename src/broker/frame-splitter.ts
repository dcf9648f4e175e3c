// Cuts the large binary frames of a WebSocket client into small ones, because the WebSocket library holds a frame, and all
// fragments of a message, until they are whole. MQTT does not care where frames end [MQTT-6.0.0-2]. What is no binary data passes as it is.

const finBit = 0x80;
const opcodeBits = 0x0f;
const [continuation, text, binary, firstControl] = [0x0, 0x1, 0x2, 0x8];
const maskBit = 0x80;
const [length16, length64] = [126, 127];
const maskBytes = 4;

export class FrameSplitter {
  readonly #bytesMax: number;
  #header: Buffer = Buffer.alloc(0);
  #mask: Buffer = Buffer.alloc(0);
  /** Bytes of the frame's payload still to come, and of the piece of it that is being handed on. */
  #frameLeft = 0;
  #pieceLeft = 0;
  /** First byte of each piece's header; null: the frame passes as it is. */
  #pieceType: number | null = null;
  /** The kind of the message whose fragments come; null: none is open. */
  #open: typeof text | typeof binary | null = null;

  /** @param bytesMax of a frame that is handed on; a multiple of four, so that each begins with the first byte of the client's mask. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes the client's bytes, however they were cut. @returns what to hand on. */
  split(chunk: Uint8Array): Uint8Array {
    const out: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#frameLeft === 0) {
        const header = this.#take(chunk[at] ?? 0);
        at += 1;
        if (header) this.#begin(header, out);
        continue;
      }
      if (this.#pieceLeft === 0) this.#beginPiece(out);
      const step = Math.min(this.#pieceLeft, chunk.length - at);
      out.push(chunk.subarray(at, at + step));
      this.#pieceLeft -= step;
      this.#frameLeft -= step;
      at += step;
    }
    return out.length === 1 && out[0] ? out[0] : Buffer.concat(out);
  }

  /** @returns the frame's header once it is whole (RFC 6455, 5.2). */
  #take(byte: number): Buffer | null {
    const header = Buffer.concat([this.#header, Buffer.from([byte])]);
    const second = header[1];
    this.#header = header;
    if (second === undefined || header.length < headerBytes(second)) return null;
    this.#header = Buffer.alloc(0);
    return header;
  }

  #begin(header: Buffer, out: Uint8Array[]): void {
    const [first = 0, second = 0] = header;
    const opcode = first & opcodeBits;
    const isMasked = (second & maskBit) !== 0;
    this.#frameLeft = payloadBytes(header);
    this.#mask = header.subarray(header.length - (isMasked ? maskBytes : 0));
    const kind = opcode === continuation ? this.#open : opcode;
    this.#pieceType = kind === binary && isMasked ? (first & ~opcodeBits) | finBit | binary : null;
    if (opcode < firstControl) this.#open = (first & finBit) === 0 && (kind === text || kind === binary) ? kind : null;
    if (this.#pieceType !== null) return;
    this.#pieceLeft = this.#frameLeft;
    out.push(header);
  }

  #beginPiece(out: Uint8Array[]): void {
    if (this.#pieceType === null) {
      this.#pieceLeft = this.#frameLeft;
      return;
    }
    this.#pieceLeft = Math.min(this.#frameLeft, this.#bytesMax);
    out.push(Buffer.concat([pieceHeader(this.#pieceType, this.#pieceLeft), this.#mask]));
  }
}

function headerBytes(second: number): number {
  const length = second & ~maskBit;
  return 2 + (length === length64 ? 8 : length === length16 ? 2 : 0) + ((second & maskBit) === 0 ? 0 : maskBytes);
}

function payloadBytes(header: Buffer): number {
  const length = (header[1] ?? 0) & ~maskBit;
  if (length === length16) return header.readUInt16BE(2);
  return length === length64 ? Number(header.readBigUInt64BE(2)) : length;
}

function pieceHeader(type: number, length: number): Buffer {
  if (length < length16) return Buffer.from([type, maskBit | length]);
  const header = Buffer.alloc(length < 2 ** 16 ? 4 : 10);
  header[0] = type;
  header[1] = maskBit | (header.length === 4 ? length16 : length64);
  if (header.length === 4) header.writeUInt16BE(length, 2);
  else header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}
