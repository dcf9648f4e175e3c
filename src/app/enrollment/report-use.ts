// A device without a TLS connection of its own has its gateway report which certificate it uses. The gateway's word is not enough:
// only a signature by the certificate's key shows what a connection would.
import { admit } from '../../domain/admission.ts';
import { awakens, type Fingerprint } from '../../domain/certificate.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { HelloMessage } from '../../domain/message.ts';
import { graceMs } from '../../domain/policy.ts';
import { useProofText } from '../../domain/proof.ts';
import { proofVerifies } from '../../pki/proof.ts';
import { type Changing, change } from '../change.ts';
import { type Context, policyOf } from '../context.ts';
import { activate } from '../renewal/activate.ts';
import { heardWithin } from '../renewal/reopen.ts';
import type { Sender } from './receive.ts';

/**
 * Activates the certificate that the hello proves to be in use, if it was issued and not yet seen. Without a proof, or from the
 * device itself, whose connection says more, it does nothing.
 */
export async function reportUse(
  app: Changing & Pick<Context, 'policies' | 'settings'>,
  { id, via }: Sender,
  { fingerprint, proof }: HelloMessage,
): Promise<Refusal | null> {
  if (via === null || !proof) return null;
  if (fingerprint === undefined) return { code: 'missing_field', detail: 'fingerprint: required with a proof' };
  const entry = await app.store.read.certificate(fingerprint as Fingerprint);
  const isTheirs = entry?.principalId === id;
  if (!entry || !isTheirs || !proofVerifies(useProofText(id, entry.fingerprint), proof, entry.der)) {
    return { code: 'proof_invalid', detail: "not signed by a certificate's key of this device" };
  }
  if (!awakens(entry, app.clock.now())) {
    await change(app, (within) => heardWithin(within, id, entry.fingerprint));
    return null;
  }
  const principal = await app.store.read.principal(id);
  const verdict = admit({
    presented: true,
    entry,
    stranger: null,
    principal,
    clientId: id,
    claimedBy: null,
    graceMs: principal ? graceMs(policyOf(app, principal)) : 0,
    skewMs: app.settings.skewMs,
    now: app.clock.now(),
  });
  if (verdict.lane !== 'full') return { code: 'wrong_state', detail: verdict.reason };
  await activate(app, entry.fingerprint, via);
  return null;
}
