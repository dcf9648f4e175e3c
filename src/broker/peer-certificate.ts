// What a TLS peer presented, as bytes. It repeats none of TLS's own verdicts: `authorized` is replayed from the first
// connect on a resumed session, and `authorizationError` names one fault of several.
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Presented } from '../app/session.ts';

/** Certificates followed above a leaf; real chains have two or three. */
const issuersMax = 8;

/** What was sent above the leaf: Node takes it out of TLS when the leaf is read for the first time, and never shows it again. */
const sentAbove = new WeakMap<TLSSocket, X509Certificate>();

/**
 * Reads the leaf now: some 16 us, or 120 when the client sent its chain, which OpenSSL then duplicates. The issuers are what the client
 * sent, read only when asked for.
 */
export function presentedBy(socket: TLSSocket): Presented {
  const leaf = socket.getPeerX509Certificate();
  const above = leaf?.issuerCertificate;
  if (above) sentAbove.set(socket, above);
  return {
    der: leaf?.raw ?? null,
    issuers: () => issuersFrom(sentAbove.get(socket)),
  };
}

/** The verdict is in: nobody asks for the issuers any more, and they would take memory as long as the session lasts. */
export function forgetIssuers(socket: TLSSocket): void {
  sentAbove.delete(socket);
}

function issuersFrom(first: X509Certificate | undefined): readonly Uint8Array[] {
  const issuers: Uint8Array[] = [];
  for (let each = first; each && issuers.length < issuersMax; each = each.issuerCertificate) issuers.push(each.raw);
  return issuers;
}

/** The notAfter of the presented certificate in Unix milliseconds; null when the socket has gone. */
export function notAfterOf(socket: TLSSocket): number | null {
  const text = socket.getPeerX509Certificate()?.validTo;
  const at = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? null : at;
}
