// The TLS settings that both listeners share. Every certificate is asked for and none is judged here: refusing inside the
// handshake would hide who was refused.
import { constants } from 'node:crypto';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { nameOnly } from '../../pki/name-only.ts';
import { derToPem, pemToDer } from '../../pki/pem.ts';

/**
 * PEM. `cert` is the server's chain, leaf first; `ca` holds the issuers clients are hinted to choose a certificate of. Of those TLS is
 * given the names alone: it verifies no chain of theirs, and `authorized` is false for everybody.
 */
export interface TlsMaterial {
  /** The number of the root that the chain leads to; absent: 1, the first of a home. 0: nobody can trust it. */
  readonly root?: number;
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
  readonly ca: readonly (string | Buffer)[];
  readonly crl?: string | Buffer;
}

// Tickets would resume sessions that carry the first connect's verdict; TLS 1.2 renegotiation goes on past Node's own limits.
const secureOptions = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;

/** The context part, complete: what a swap leaves out would fall back to defaults. Throws on PEM that does not parse. */
export function contextOptions(material: TlsMaterial): SecureContextOptions {
  const options: SecureContextOptions = {
    key: material.key,
    cert: material.cert,
    ca: material.ca.flatMap(namesOnly),
    ...(material.crl === undefined ? {} : { crl: material.crl }),
    // Modems and mbedTLS 2 have no TLS 1.3.
    minVersion: 'TLSv1.2',
    secureOptions,
  };
  createSecureContext(options);
  return options;
}

function namesOnly(pem: string | Buffer): string[] {
  const ders = pemToDer(pem.toString(), 'CERTIFICATE');
  if (!ders) throw new Error('a CA whose name is to be hinted is no certificate in PEM');
  return ders.map((der) => derToPem(nameOnly(der), 'CERTIFICATE'));
}

export function serverOptions(material: TlsMaterial, handshakeMs: number): TlsOptions {
  return {
    ...contextOptions(material),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeMs,
  };
}
