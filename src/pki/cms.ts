// Certificates as a CMS message (RFC 5652 SignedData, once PKCS#7): the `.p7c` of RFC 7030 and RFC 5280, 4.2.2.1, and the `.p7b` that
// Windows and many CAs export. It carries certificates and proves nothing: whoever signed it, each is judged by its own bytes.
import { fromBER } from 'asn1js';
import {
  Certificate,
  ContentInfo,
  EncapsulatedContentInfo,
  id_ContentType_Data,
  id_ContentType_SignedData,
  SignedData,
} from 'pkijs';

/** What cannot be read as certificates in a CMS message. The message is for people, after "it". */
export class CmsError extends Error {
  override readonly name = 'CmsError';
}

/** An element as asn1js reads it: with the bytes it was read from, and its parts if it is constructed. */
interface Element {
  readonly idBlock: { readonly tagClass: number; readonly tagNumber: number };
  readonly valueBeforeDecodeView: Uint8Array;
  readonly valueBlock: { readonly value?: readonly Element[] };
}

const contextClass = 3;

/** DER of a degenerate SignedData that holds these certificates, in this order. */
export function certsOnly(certificates: readonly Uint8Array[]): Uint8Array {
  const signed = new SignedData({
    version: 1,
    encapContentInfo: new EncapsulatedContentInfo({ eContentType: id_ContentType_Data }),
    certificates: certificates.map((der) => Certificate.fromBER(new Uint8Array(der))),
  });
  const info = new ContentInfo({ contentType: id_ContentType_SignedData, content: signed.toSchema(true) });
  return new Uint8Array(info.toSchema().toBER());
}

/**
 * The DER of each certificate in a SignedData, DER or BER, in its order: the very bytes that stand there.
 * @throws CmsError when it is no SignedData, or holds no certificate or anything else in their place.
 */
export function certificatesIn(message: Uint8Array): Uint8Array[] {
  const content = contentOf(message);
  const all = signedDataOf(content).certificates ?? [];
  if (all.length === 0) throw new CmsError('is a PKCS#7 file without a certificate');
  if (!all.every((each) => each instanceof Certificate))
    throw new CmsError('is a PKCS#7 file with something else among its certificates');
  const bag = content.valueBlock.value?.find(
    ({ idBlock }) => idBlock.tagClass === contextClass && idBlock.tagNumber === 0,
  );
  return (bag?.valueBlock.value ?? []).map(({ valueBeforeDecodeView }) => valueBeforeDecodeView.slice());
}

function contentOf(message: Uint8Array): Element {
  // What a file may hold its size says already: no element is shorter than two bytes.
  const { result, offset } = fromBER(new Uint8Array(message), { maxNodes: message.length });
  if (offset === -1) throw new CmsError(unreadable);
  if (offset < message.length) throw new CmsError('has something behind its PKCS#7 message');
  const info = readable(() => new ContentInfo({ schema: result }));
  if (info.contentType !== id_ContentType_SignedData)
    throw new CmsError('is a PKCS#7 file of another kind than SignedData');
  return info.content as Element;
}

const signedDataOf = (content: Element): SignedData => readable(() => new SignedData({ schema: content }));

const unreadable = 'is not a PKCS#7 file that can be read';

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch {
    throw new CmsError(unreadable);
  }
}
