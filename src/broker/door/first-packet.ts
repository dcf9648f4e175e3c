// Has the first MQTT packet of a connection come whole? Read from its fixed header alone (MQTT 3.1.1, 2.2.3); it judges nothing.

const [lengthBytesMax, moreBit, lengthBits] = [4, 0x80, 0x7f];

export class FirstPacket {
  /** Bytes of the fixed header that have come. */
  #headerCome = 0;
  #length = 0;
  /** Bytes behind the fixed header that are still to come; null: it is not whole. */
  #left: number | null = null;

  /** Takes the next bytes. @returns whether the packet is whole; also where its length is none that can be. */
  isWholeWith(bytes: Uint8Array): boolean {
    let at = 0;
    while (this.#left === null && at < bytes.length) {
      this.#takeHeader(bytes[at] ?? 0);
      at += 1;
    }
    if (this.#left === null) return false;
    this.#left -= bytes.length - at;
    return this.#left <= 0;
  }

  #takeHeader(byte: number): void {
    const place = this.#headerCome - 1;
    this.#headerCome += 1;
    if (place < 0) return;
    this.#length += (byte & lengthBits) * 2 ** (7 * place);
    if ((byte & moreBit) === 0 || place + 1 === lengthBytesMax) this.#left = this.#length;
  }
}
