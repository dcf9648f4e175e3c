// A gateway speaks for a device, but it is not the device: what only the device can sign shows that the device wants what is asked.
import type { Refusal } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import { requestProofText } from '../../domain/proof.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { fingerprintOf } from '../../pki/fingerprint.ts';
import { proofVerifies } from '../../pki/proof.ts';
import { policyOf } from '../context.ts';
import type { Conversation } from './conversation.ts';

/**
 * Holds the proof of a request against the key of the certificate that is being replaced. It is verified whenever there is one,
 * and missed where a gateway's session brings the request and the policy asks for it: for a device, and for the gateway itself,
 * whose own topics a bridge carries for whoever publishes to them at its site. Null: nothing speaks against it.
 * @param csr the request's whole DER.
 */
export async function objectToProof(
  { app, tx, sender }: Conversation,
  renewal: Renewal,
  principal: Principal,
  proof: Uint8Array | undefined,
  csr: Uint8Array,
): Promise<Refusal | null> {
  const current = renewal.oldFingerprint && (await tx.certificate(renewal.oldFingerprint));
  if (!proof) {
    // A gateway that enrolls for the first time has no key yet that could sign.
    const isMissed = sender.via !== null || (sender.session.principal.kind === 'gateway' && current !== null);
    if (!isMissed || !policyOf(app, principal).requireDeviceProof) return null;
    return { code: 'proof_required', detail: 'no signature by the current key' };
  }
  const text = requestProofText(renewal.id, fingerprintOf(csr));
  if (current && proofVerifies(text, proof, current.der)) return null;
  return { code: 'proof_invalid', detail: 'not signed by the current key' };
}
