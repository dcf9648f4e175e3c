// What a TLS peer presented, as bytes. It repeats none of TLS's own verdicts: `authorized` is replayed from the first
// connect on a resumed session, and `authorizationError` names one fault of several.
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Presented } from '../app/session.ts';

/** Certificates followed above a leaf; real chains have two or three. */
const issuersMax = 8;

/** One client in so many has its certificate read together with its chain, whatever those before it sent. */
const lookEvery = 16;

/** What was sent above the leaf: Node takes it out of TLS when the leaf is read with it, and never shows it again. */
const sentAbove = new WeakMap<TLSSocket, X509Certificate>();

/** Did the client whose chain was last looked for send one? The devices of a fleet mostly do the same. */
let sendChains = false;
let readsUntilLook = 0;

/**
 * Reads the leaf now. The issuers are what the client sent, read only when asked for. Read together with its chain, the leaf of a client
 * that sent none costs 16 us, and of one that did 120 and more: OpenSSL then duplicates the chain. Read alone it costs 70, either way. So
 * it is read as is cheaper for what clients have sent of late.
 */
export function presentedBy(socket: TLSSocket): Presented {
  const isLook = readsUntilLook <= 0;
  readsUntilLook = isLook ? lookEvery : readsUntilLook - 1;
  const der = sendChains && !isLook ? socket.getPeerCertificate()?.raw : readWithChain(socket)?.raw;
  return {
    der: der ?? null,
    issuers: () => issuersFrom(sentAbove.get(socket) ?? readWithChain(socket)?.issuerCertificate),
  };
}

function readWithChain(socket: TLSSocket): X509Certificate | undefined {
  const leaf = socket.getPeerX509Certificate();
  if (!leaf) return undefined;
  const above = leaf.issuerCertificate;
  sendChains = above !== undefined;
  if (above) sentAbove.set(socket, above);
  return leaf;
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
