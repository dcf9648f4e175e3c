// Does the broker's own public address, at a port, lead to one root and not to another? Found out as a device would: by a TLS handshake from
// outside. Whoever is between, a balancer or a port that is not forwarded, shows here before anything is announced.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { derToPem } from '../pki/pem.ts';
import type { Reached } from '../ports/next-port.ts';

/** What Node says of a chain that does not lead to the root it was given. */
const untrusted: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
]);

interface Handshake {
  /** Null: the chain, its dates and its name verified. */
  readonly fault: { readonly code: string; readonly message: string } | null;
}

function shakeHands({ host, port, withinMs }: Place, root: Uint8Array): Promise<Handshake> {
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      // No name is sent for an address (RFC 6066, 3); the certificate is held against the address then.
      ...(isIP(host) === 0 && { servername: host }),
      ca: derToPem(root, 'CERTIFICATE'),
      minVersion: 'TLSv1.2',
    });
    const end = (fault: Handshake['fault']): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ fault });
    };
    const timer = setTimeout(() => end({ code: 'TIMEOUT', message: `no answer within ${withinMs} ms` }), withinMs);
    socket.once('secureConnect', () => end(null));
    socket.once('close', () => end({ code: 'CLOSED', message: 'the connection was closed during the handshake' }));
    socket.on('error', (error: NodeJS.ErrnoException) => end({ code: error.code ?? '', message: error.message }));
  });
}

interface Place {
  /** A DNS name or an address, as devices have it. */
  readonly host: string;
  readonly port: number;
  /** For each of the two handshakes. */
  readonly withinMs: number;
}

export interface Reach extends Place {
  /** DER of the root that must verify the chain there. */
  readonly next: Uint8Array;
  /** DER of the root that must not. */
  readonly present: Uint8Array;
}

/** Connects twice. Never rejects. */
export async function reachPort(reach: Reach): Promise<Reached> {
  const { host, port, next, present } = reach;
  const at = `${host}:${port}`;
  const nameOf = (der: Uint8Array): string => new X509Certificate(der).subject.replaceAll('\n', ', ');
  const byNext = await shakeHands(reach, next);
  if (byNext.fault) {
    return { ok: false, fault: `${at} is not verified by the next root, ${nameOf(next)}: ${byNext.fault.message}` };
  }
  const byPresent = await shakeHands(reach, present);
  if (!byPresent.fault) {
    return {
      ok: false,
      fault: `${at} is verified by the present root, ${nameOf(present)}, too: it would prove nothing`,
    };
  }
  if (untrusted.has(byPresent.fault.code)) return { ok: true };
  return { ok: false, fault: `${at} could not be tried with the present root: ${byPresent.fault.message}` };
}
