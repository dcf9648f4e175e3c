// A device without a TLS connection of its own has its gateway report which certificate it uses. The gateway's word is not enough:
// only a signature by the certificate's key shows what a connection would.
import { admit } from '../../domain/admission.ts';
import { awakens, type Fingerprint } from '../../domain/certificate.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { HelloMessage } from '../../domain/message.ts';
import { graceMs } from '../../domain/policy.ts';
import { useProofText } from '../../domain/proof.ts';
import { proofVerifies } from '../../pki/proof.ts';
import { policyOf } from '../context.ts';
import type { Conversation } from './conversation.ts';
import type { Keeping } from './outcome.ts';

/**
 * The certificate that the hello proves to be in use: it is activated if it was issued and not yet seen. Null: without a proof, or from
 * the device itself, whose connection says more, it shows nothing.
 */
export async function useShown(
  { app, tx, now, sender, principal }: Conversation,
  { fingerprint, proof }: HelloMessage,
): Promise<Keeping | Refusal | null> {
  const { id, via } = sender;
  if (via === null || !proof) return null;
  if (fingerprint === undefined) return { code: 'missing_field', detail: 'fingerprint: required with a proof' };
  const entry = await tx.certificate(fingerprint as Fingerprint);
  const isTheirs = entry?.principalId === id;
  if (!entry || !isTheirs || !proofVerifies(useProofText(id, entry.fingerprint), proof, entry.der)) {
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
    graceMs: principal ? graceMs(policyOf(app, principal)) : 0,
    skewMs: app.settings.skewMs,
    now,
  });
  if (verdict.lane !== 'full') return { code: 'wrong_state', detail: verdict.reason };
  return { kind: 'use', fingerprint: entry.fingerprint, awakens: true };
}
