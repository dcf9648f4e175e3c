// What a TLS peer presented, as bytes. It repeats none of TLS's own verdicts: `authorized` is replayed from the first
// connect on a resumed session, and `authorizationError` names one fault of several.
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { Presented } from '../app/session.ts';

/** Certificates followed above a leaf; real chains have two or three. */
const issuersMax = 8;

/**
 * Reads the leaf now: some 16 us, or 120 when the client sent its chain, which OpenSSL then duplicates. The issuers are read
 * only when asked for: the socket must still be open.
 */
export function presentedBy(socket: TLSSocket): Presented {
  return {
    der: socket.getPeerX509Certificate()?.raw ?? null,
    issuers: () => issuersOf(socket),
  };
}

function issuersOf(socket: TLSSocket): readonly Uint8Array[] {
  const issuers: Uint8Array[] = [];
  let current: Partial<DetailedPeerCertificate> | null = socket.destroyed ? null : socket.getPeerCertificate(true);
  while (current?.issuerCertificate && issuers.length < issuersMax) {
    const issuer: DetailedPeerCertificate = current.issuerCertificate;
    // A self-signed certificate is its own issuer: the chain ends there.
    if (issuer === current || !issuer.raw || (current.raw && issuer.raw.equals(current.raw))) break;
    issuers.push(issuer.raw);
    current = issuer;
  }
  return issuers;
}

/** The notAfter of the presented certificate in Unix milliseconds; null when the socket has gone. */
export function notAfterOf(socket: TLSSocket): number | null {
  const text = socket.getPeerX509Certificate()?.validTo;
  const at = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? null : at;
}
