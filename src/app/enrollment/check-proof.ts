// A gateway speaks for a device, but it is not the device: what only the device can sign shows that the device wants what is asked.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { CsrMessage } from '../../domain/message.ts';
import type { Principal } from '../../domain/principal.ts';
import { requestProofText } from '../../domain/proof.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { fingerprintOf } from '../../pki/fingerprint.ts';
import { proofVerifies } from '../../pki/proof.ts';
import { type Conversation, converse, type Moment, type Sender } from './conversation.ts';

/**
 * Verifies the proof of a request against the key of the certificate that is being replaced. To be asked before the unit of work that
 * judges the request.
 * @param csr the request's whole DER.
 * @returns the certificate whose key has signed it; null: there is no proof, or it is not signed by that key.
 */
export async function signerOfRequest(
  moment: Moment,
  sender: Sender,
  { renewal: renewalId, proof }: CsrMessage,
  csr: Uint8Array,
): Promise<Fingerprint | null> {
  if (!proof) return null;
  const { renewal } = await converse(moment, sender, renewalId);
  const current = renewal?.oldFingerprint && (await moment.tx.certificate(renewal.oldFingerprint));
  if (!current) return null;
  return proofVerifies(requestProofText(renewalId, fingerprintOf(csr)), proof, current.der)
    ? current.fingerprint
    : null;
}

/**
 * Holds the proof of a request against the certificate that is being replaced. It is verified whenever there is one, and missed where
 * a gateway's session brings the request and the policy asks for it: for a device, and for the gateway itself, whose own topics a
 * bridge carries for whoever publishes to them at its site. Null: nothing speaks against it.
 * @param signer as {@link signerOfRequest} has found it.
 */
export function objectToProof(
  { app, sender }: Conversation,
  renewal: Renewal,
  principal: Principal,
  proof: Uint8Array | undefined,
  signer: Fingerprint | null,
): Refusal | null {
  if (!proof) {
    // A gateway that enrolls for the first time has no key yet that could sign.
    const isMissed =
      sender.via !== null || (sender.session.principal.kind === 'gateway' && renewal.oldFingerprint !== null);
    if (!isMissed || !app.policies.of(principal).requireDeviceProof) return null;
    return { code: 'proof_required', detail: 'no signature by the current key' };
  }
  if (signer !== null && signer === renewal.oldFingerprint) return null;
  return { code: 'proof_invalid', detail: 'not signed by the current key' };
}
