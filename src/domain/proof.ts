// What a device signs to prove possession of a key to nolapse when it does not speak TLS with it: short ASCII text that
// names its purpose, so that a signature made for one can never serve the other.
import type { Fingerprint } from './certificate.ts';
import type { PrincipalId } from './principal.ts';

/** Signed by the device's current key with the request it makes: the renewal, and the SHA-256 of the request's DER in hex. */
export function requestProofText(renewalId: string, csrDigest: Fingerprint): string {
  return `nolapse csr ${renewalId} ${csrDigest}`;
}

/** Signed by the key of the certificate in use, when it is reported through a gateway: the device, and the certificate's fingerprint. */
export function useProofText(id: PrincipalId, fingerprint: Fingerprint): string {
  return `nolapse hello ${id} ${fingerprint}`;
}
