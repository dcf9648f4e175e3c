// With which keys can a client prove itself to this broker's TLS? Curves must be among those the server's context lists, and TLS 1.3
// knows fewer kinds of signature. Who signed a certificate, and how weakly, is not asked there.
import { createKey } from './public-key.ts';

/** Curves of a server's context in OpenSSL, by OpenSSL's names. */
const listedCurves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** RFC 8734: curves that TLS 1.3 has signatures for, where both ends know them. OpenSSL does from 3.2 on. */
const brainpool = /^brainpoolP(?:256|384|512)r1$/;

/** RFC 8017, 9.1.1: what a PSS signature with SHA-256, the smallest of TLS 1.3, needs: 8 x 32 + 8 x 32 + 9 bits, and one for the modulus. */
const pssBitsMin = 522;

/** OPENSSL_RSA_MAX_MODULUS_BITS: nothing is verified beyond it. */
const rsaBitsMax = 16_384;

/**
 * What keeps a client with this key from a TLS connection to this broker, or from some of them, as a phrase behind "has a key "; null:
 * nothing. @param spki DER of the SubjectPublicKeyInfo.
 */
export function tlsObjection(spki: Uint8Array): string | null {
  const key = createKey(spki);
  if (!key) return 'that OpenSSL cannot read';
  const { namedCurve = 'that has no name', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      if (listedCurves.has(namedCurve)) return null;
      return brainpool.test(namedCurve)
        ? `on the curve ${namedCurve}, with which TLS 1.2 refuses it, and TLS 1.3 mostly`
        : `on the curve ${namedCurve}, with which TLS refuses it`;
    case 'rsa':
      if (modulusLength > rsaBitsMax) return `of RSA ${modulusLength}, which TLS refuses`;
      return modulusLength < pssBitsMin ? `of RSA ${modulusLength}, which TLS 1.2 alone takes` : null;
    case 'rsa-pss':
    case 'ed25519':
    case 'ed448':
      return null;
    case 'dsa':
      return 'of DSA, which TLS 1.2 alone takes';
    default:
      return `of the type ${key.asymmetricKeyType}, which cannot sign`;
  }
}
