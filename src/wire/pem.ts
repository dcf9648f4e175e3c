// PEM text <-> DER bytes (RFC 7468), as the JSON messages carry certificates and requests. Reads nothing inside the DER.
import { Buffer } from 'node:buffer';

// Every part is bounded or excludes the character that ends it, so that matching stays linear in the text's length.
const block = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

function fromBase64(text: string): Uint8Array | null {
  const packed = text.replaceAll(/\s/g, '');
  if (packed.length === 0 || packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(packed)) return null;
  return new Uint8Array(Buffer.from(packed, 'base64'));
}

/** The DER of every block, in order; null when there is none, one has another label, or one is not base64. */
export function fromPem(text: string, labels: readonly string[]): Uint8Array[] | null {
  const found: Uint8Array[] = [];
  for (const [, label = '', body = ''] of text.matchAll(block)) {
    const der = labels.includes(label) ? fromBase64(body) : null;
    if (!der) return null;
    found.push(der);
  }
  return found.length > 0 ? found : null;
}

/** One block with lines of 64 characters, ended by a newline. */
export function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
