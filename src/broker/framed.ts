// A control packet from its first byte and what follows the remaining length (MQTT 3.1.1, 2.2.3).

export function framed(first: number, body: Uint8Array): Buffer {
  const header = [first];
  let length = body.length;
  do {
    header.push((length & 0x7f) | (length > 0x7f ? 0x80 : 0));
    length >>>= 7;
  } while (length > 0);
  return Buffer.concat([Buffer.from(header), body]);
}
