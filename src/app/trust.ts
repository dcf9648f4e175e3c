// The issuers and roots of the authority as the application asks for them: never kept, since they may change while it runs.
import { firstIssuer } from '../domain/issuing-slots.ts';
import { isIssuerOf, isSignedBy } from '../pki/chain.ts';
import type { Authority, Chain, IssuingCa } from '../ports/authority.ts';
import type { Context } from './context.ts';

type Trusting = { readonly authority: Pick<Authority, 'trust'> };

/** The CA that signs now. */
export function signingCa({ authority }: Trusting): IssuingCa {
  return authority.trust().issuers[0];
}

/** The number among the issuing CAs of this home of the one that signs now; one elsewhere counts as the first. */
export function signingNumber(app: Trusting): number {
  return signingCa(app).number ?? firstIssuer;
}

/** DER of the certificate of an issuing CA by its number: one of those in use. Null: there is none. */
export function issuerOfNumber({ authority }: Trusting, number: number): Uint8Array | null {
  const found = authority.trust().issuers.find((issuer) => (issuer.number ?? firstIssuer) === number);
  return found?.chain[0] ?? null;
}

/** DER of the root above the CA that signs now. */
export function currentRoot({ authority }: Trusting): Uint8Array {
  return authority.trust().roots[0];
}

/** DER of every certificate of a CA that is ours. */
export function ownCas({ authority }: Trusting): Uint8Array[] {
  const { issuers, roots } = authority.trust();
  return [...roots, ...issuers.flatMap(({ chain }) => chain)];
}

/** What is sent along with this certificate, DER: the chain of the issuer that it names, or of the present one where it names none of ours. */
export function chainFor(app: Pick<Context, 'authority'>, certificate: Uint8Array): Chain {
  const { issuers } = app.authority.trust();
  if (issuers.length === 1) return issuers[0].chain;
  return (issuers.find(({ chain }) => isIssuerOf(chain[0], certificate)) ?? issuers[0]).chain;
}

/** Does the certificate, DER, name a CA of the authority as its issuer? Another CA may have the same name. */
export function mayBeIssuedBy({ authority }: Trusting, certificate: Uint8Array): boolean {
  return authority.trust().issuers.some(({ chain }) => isIssuerOf(chain[0], certificate));
}

/** The number of the home's issuing CA that signed the certificate, DER; null: none did. */
export function issuerOf({ authority }: Trusting, certificate: Uint8Array): number | null {
  const signed = ({ chain }: IssuingCa): boolean =>
    isIssuerOf(chain[0], certificate) && isSignedBy(certificate, chain[0]);
  return authority.trust().issuers.find(signed)?.number ?? null;
}

/** Has a CA of the authority signed the certificate, DER? */
export function hasIssued({ authority }: Trusting, certificate: Uint8Array): boolean {
  return authority
    .trust()
    .issuers.some(({ chain }) => isIssuerOf(chain[0], certificate) && isSignedBy(certificate, chain[0]));
}
