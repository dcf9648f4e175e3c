// Paths of the public server that certificates carry, below the public URL: apart from the server, because a home at rest issues too.

/** Of the CRL (RFC 5280, 4.2.1.13). */
export const crlPath = '/crl/issuing.crl';
/** Of the CRLs of shards: their number and `.crl` follow. */
export const crlShardPath = '/crl/issuing/';
/** Of the issuer's certificate (RFC 5280, 4.2.2.1). */
export const issuerPath = '/ca/issuing.crt';
