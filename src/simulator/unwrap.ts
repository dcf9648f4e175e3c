// A device opens what was encrypted to its own key: CMS EnvelopedData with one KeyAgreeRecipientInfo, as the broker makes it in
// key mode `keygen`. Written from RFC 5652 and RFC 5753, and apart from what the broker writes it with.
import { createDecipheriv, createECDH, createHash, createPrivateKey } from 'node:crypto';

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** Where the next one begins. */
  readonly end: number;
}

function readElement(bytes: Buffer, at: number): Element {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new Error('DER ends too early');
  const octets = first < 0x80 ? 0 : first & 0x7f;
  const length = octets === 0 ? first : bytes.readUIntBE(at + 2, octets);
  const start = at + 2 + octets;
  if (start + length > bytes.length) throw new Error('DER ends too early');
  return { tag, content: bytes.subarray(start, start + length), end: start + length };
}

/** What is inside a constructed element, in order. */
function inside(content: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < content.length; at = found.at(-1)?.end ?? content.length) found.push(readElement(content, at));
  return found;
}

/** Goes down from a constructed element, at each level to the part of this index. */
function descend(from: Buffer, ...indexes: readonly number[]): Element {
  let element: Element | undefined;
  let content = from;
  for (const index of indexes) {
    element = inside(content)[index];
    if (!element) throw new Error('an element is missing');
    content = element.content;
  }
  if (!element) throw new Error('nothing asked for');
  return element;
}

/** Splits a replacement into its certificate and, in key mode `keygen`, the envelope after it. */
export function splitReplacement(bytes: Uint8Array): { certificate: Uint8Array; envelope: Uint8Array | null } {
  const all = Buffer.from(bytes);
  const { end } = readElement(all, 0);
  return { certificate: all.subarray(0, end), envelope: end < all.length ? all.subarray(end) : null };
}

const curves = new Map([
  ['P-256', 'prime256v1'],
  ['P-384', 'secp384r1'],
]);

/** Our own key and the originator's point, on the curve of our own key: the message does not name it (RFC 5753, 3.1.1). */
function agree(keyPem: string, point: Buffer): Buffer {
  const { crv = '', d = '' } = createPrivateKey(keyPem).export({ format: 'jwk' });
  const curve = curves.get(crv);
  if (curve === undefined) throw new Error('no key can be agreed on with ours');
  const own = createECDH(curve);
  own.setPrivateKey(Buffer.from(d, 'base64url'));
  return own.computeSecret(point);
}

/**
 * Opens a PKCS#8 key that was enveloped for the key `keyPem`. @returns PEM. Throws when it is not for this key, or not such
 * an envelope.
 */
export function unwrapKey(envelope: Uint8Array, keyPem: string): string {
  // ContentInfo: type, [0] EnvelopedData: version, recipients, encrypted content.
  const enveloped = descend(Buffer.from(envelope), 0, 1, 0).content;
  // KeyAgreeRecipientInfo: version, originator, algorithm, encrypted keys.
  const recipient = descend(enveloped, 1, 0).content;
  const point = descend(recipient, 1, 0, 1).content.subarray(1);
  const wrapped = descend(recipient, 3, 0, 1).content;
  const wrapAlgorithm = descendRaw(recipient, 2);
  const keyBits = Buffer.from([0x04, 0x04, 0, 0, 1, 0]);
  const info = sequence(wrapAlgorithm, Buffer.concat([Buffer.from([0xa2, keyBits.length]), keyBits]));
  const secret = agree(keyPem, point);
  const wrappingKey = createHash('sha256')
    .update(secret)
    .update(Buffer.from([0, 0, 0, 1]))
    .update(info)
    .digest();
  const unwrap = createDecipheriv('id-aes256-wrap', wrappingKey, Buffer.alloc(8, 0xa6));
  const contentKey = Buffer.concat([unwrap.update(wrapped), unwrap.final()]);
  const [, algorithm, content] = inside(descend(enveloped, 2).content);
  if (!algorithm || !content) throw new Error('nothing is encrypted');
  const open = createDecipheriv('aes-256-cbc', contentKey, descend(algorithm.content, 1).content);
  const pkcs8 = Buffer.concat([open.update(content.content), open.final()]);
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

function sequence(...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([0x30, content.length]), content]);
}

/** The parameter of an AlgorithmIdentifier at this place, whole. */
function descendRaw(from: Buffer, index: number): Buffer {
  const { content } = descend(from, index);
  const [oid] = inside(content);
  return content.subarray(oid?.end ?? 0);
}
