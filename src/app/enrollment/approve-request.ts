// Settles what a request is to be certified for, down to its serial, as far as profile, policy and ledger allow it.
import { validityAt } from '../../domain/policy.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { approve, type RequestFacts } from '../../domain/request.ts';
import { newSerial } from '../../pki/serial.ts';
import { signingCa } from '../trust.ts';
import type { Conversation } from './conversation.ts';

/** Nothing the device can mend; an hour is soon enough for a CA that is being rolled over. */
const issuerEnds = {
  kind: 'refused',
  code: 'unavailable',
  detail: 'the issuing CA is near its end: it can issue nothing that lasts longer',
  retryAfterSeconds: 3_600,
} as const;

export async function approveRequest(
  { app, tx, now }: Pick<Conversation, 'app' | 'tx' | 'now'>,
  principal: Principal,
  renewal: Renewal,
  facts: RequestFacts,
) {
  const keyHolder = await holderOf(tx, principal, renewal, facts);
  const replaced = renewal.oldFingerprint && (await tx.certificate(renewal.oldFingerprint));
  const validity = validityAt(now, app.policies.of(principal), signingCa(app).notAfter, replaced || null);
  if (!validity) return issuerEnds;
  return approve({
    facts,
    principalId: principal.id,
    kind: principal.kind,
    profile: app.profiles[principal.kind],
    serial: newSerial(app.entropy),
    ...validity,
    mode: 'csr',
    keyHolder,
  });
}

async function holderOf(tx: Conversation['tx'], { id }: Principal, renewal: Renewal, { key }: RequestFacts) {
  // A key has an owner from the request on, before anything certifies it.
  const { holder, isShared } = await tx.keyRecord(key.fingerprint);
  if (isShared || (holder !== null && holder !== id)) return 'another';
  if (holder === null) return 'nobody';
  const some = await tx.certificatesByKey(key.fingerprint, 2);
  // What this renewal itself certified may come again, unless it was revoked since: it did that once at most.
  const others = some.filter((entry) => entry.renewalId !== renewal.id || entry.state === 'revoked');
  return others.length > 0 ? 'itself' : 'nobody';
}
