// A device without a TLS connection of its own has its gateway report which certificate it uses. The gateway's word is not enough:
// only a signature by the certificate's key shows what a connection would.
import { admit } from '../../domain/admission.ts';
import { awakens, type Fingerprint } from '../../domain/certificate.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { HelloMessage } from '../../domain/message.ts';
import { graceMs } from '../../domain/policy.ts';
import { useProofText } from '../../domain/proof.ts';
import { proofVerifies } from '../../pki/proof.ts';
import type { Conversation, Moment, Sender } from './conversation.ts';
import type { Keeping } from './outcome.ts';

/**
 * Verifies the proof of a hello that a gateway brings. To be asked before the unit of work that judges the hello.
 * @returns the certificate that it proves to be in use; null: there is no proof, or it is not signed by that certificate's key.
 */
export async function signerOfHello(
  { tx }: Pick<Moment, 'tx'>,
  { id, via }: Sender,
  { fingerprint, proof }: HelloMessage,
): Promise<Fingerprint | null> {
  if (via === null || !proof || fingerprint === undefined) return null;
  const entry = await tx.certificate(fingerprint as Fingerprint);
  if (entry?.principalId !== id) return null;
  return proofVerifies(useProofText(id, entry.fingerprint), proof, entry.der) ? entry.fingerprint : null;
}

/**
 * The certificate that the hello proves to be in use: it is activated if it was issued and not yet seen. Null: without a proof, or from
 * the device itself, whose connection says more, it shows nothing.
 * @param signer as {@link signerOfHello} has found it.
 */
export async function useShown(
  { app, tx, now, sender, principal }: Conversation,
  { fingerprint, proof }: HelloMessage,
  signer: Fingerprint | null,
): Promise<Keeping | Refusal | null> {
  const { id, via } = sender;
  if (via === null || !proof) return null;
  if (fingerprint === undefined) return { code: 'missing_field', detail: 'fingerprint: required with a proof' };
  const entry = signer === fingerprint ? await tx.certificate(signer) : null;
  if (entry?.principalId !== id) {
    return { code: 'proof_invalid', detail: "not signed by a certificate's key of this device" };
  }
  if (!awakens(entry, now)) return { kind: 'use', fingerprint: entry.fingerprint, awakens: false };
  const verdict = admit({
    presented: true,
    entry,
    stranger: null,
    principal,
    clientId: id,
    claimedBy: null,
    graceMs: principal ? graceMs(app.policies.of(principal)) : 0,
    skewMs: app.settings.skewMs,
    now,
  });
  if (verdict.lane !== 'full') return { code: 'wrong_state', detail: verdict.reason };
  return { kind: 'use', fingerprint: entry.fingerprint, awakens: true };
}
