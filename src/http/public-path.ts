// Paths of the public server that certificates carry, below the public URL: apart from the server, because a home at rest issues too.
// Those of the first issuing CA have no number.
import { firstIssuer, issuingName } from '../domain/issuing-slots.ts';

/** Of the CRL of an issuing CA (RFC 5280, 4.2.1.13). */
export function crlPath(issuer: number): string {
  return `/crl/${issuingName(issuer)}.crl`;
}

/** Of the CRLs of shards of the first issuing CA: their number and `.crl` follow. */
export const crlShardPath = '/crl/issuing/';

/** The number of the issuing CA in a name such as `issuing` or `issuing-2`; null: it is none. */
export function issuerIn(name: string): number | null {
  if (name === issuingName(firstIssuer)) return firstIssuer;
  const [, digits] = /^issuing-([1-9]\d{0,5})$/.exec(name) ?? [];
  return digits === undefined || Number(digits) === firstIssuer ? null : Number(digits);
}

/** The number of the root in a name such as `root` or `root-2`; null: it is none. */
export function rootIn(name: string): number | null {
  if (name === 'root') return 1;
  const [, digits] = /^root-([1-9]\d{0,5})$/.exec(name) ?? [];
  return digits === undefined || digits === '1' ? null : Number(digits);
}

/** Of the certificate of an issuing CA (RFC 5280, 4.2.2.1). */
export function issuerPath(issuer: number): string {
  return `/ca/${issuingName(issuer)}.crt`;
}
