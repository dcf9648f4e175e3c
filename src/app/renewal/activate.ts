// A certificate was seen on a connection for the first time: it becomes the active one, and only now does what it replaces
// begin to retire.
import { awakens, type Fingerprint, type LedgerEntry } from '../../domain/certificate.ts';
import { overlapEnd, type Policy } from '../../domain/policy.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import { isOpen, type Renewal } from '../../domain/renewal.ts';
import type { Instant } from '../../domain/time.ts';
import type { Transaction } from '../../ports/store.ts';
import { type Change, type Changing, change, step } from '../change.ts';
import type { Context } from '../context.ts';
import { callOff } from './call-off.ts';
import { distrusted, isDistrusted } from './compromise.ts';
import { isDrill } from './drill.ts';
import { dueAt } from './due.ts';
import { heldBy } from './held.ts';
import type { Revoking } from './owe-revocation.ts';
import { retireWithin } from './retire.ts';
import { reviveWithin } from './revive.ts';
import { revokeWithin } from './revoke.ts';

/**
 * Records the activation of an issued certificate within a change, or that one which counts as expired is not; does nothing when the ledger has
 * it in another state by now.
 * @param via the gateway through which the device proved that it has it in use; null: a connection did.
 */
export async function activateWithin(
  within: Change<Pick<Context, 'policies' | 'settings'> & Revoking>,
  fingerprint: Fingerprint,
  via: PrincipalId | null,
): Promise<void> {
  const { app, tx, now, record } = within;
  const entry = await tx.certificate(fingerprint);
  const principal = entry && (await tx.principal(entry.principalId));
  if (!entry || !awakens(entry, now) || !principal) return;
  const policy = app.policies.of(principal);
  if (entry.activatedAt !== null) return reviveWithin(within, entry, principal);
  // Whoever else came in by the same introduction is not the one that is known from now on.
  if (!(await tx.wasSeen(principal.id))) {
    await tx.enqueue({ kind: 'close-principal', principalId: principal.id, reason: 'enrolled', only: 'introduced' });
  }
  const own = entry.renewalId ? await tx.renewal(entry.renewalId) : null;
  if (own && isOpen(own) && (await isDistrusted(within, own, principal))) {
    return callOff(within, own, principal, distrusted);
  }
  if (via !== null) await tx.noteActivatedThrough(fingerprint, via);
  const active: LedgerEntry = { ...entry, state: 'active', activatedAt: now, lastSeenAt: now };
  if (own && (await isDrill(tx, own))) {
    await tx.putCertificate({ ...active, renewAt: null });
    return completeDrill(within, heardThrough(own, via, now), principal);
  }
  await tx.putCertificate({ ...active, renewAt: Math.max(now, await dueAt(within, entry, principal)) });
  // Replaced once before, the old certificate keeps the end it was given then.
  const old = own?.oldFingerprint ? await tx.certificate(own.oldFingerprint) : null;
  const overlapUntil = await supersede(within, replacedBy(within, entry, old), policy);
  if (own) {
    const endsAt = old?.state === 'superseded' ? (old.overlapUntil ?? now) : overlapUntil;
    await completeRenewal(within, heardThrough(own, via, now), principal, endsAt);
  }
  await cancelOthers(within, entry, principal);
  if (!entry.renewalId) {
    await record({
      action: 'certificate.activated',
      message: `${principal.id}: certificate seen for the first time`,
      principalId: principal.id,
      fields: { 'tls.client.hash.sha256': fingerprint },
    });
  }
}

/** The same because a connection was made with it. */
export function activate(
  app: Changing & Pick<Context, 'policies' | 'settings'> & Revoking,
  fingerprint: Fingerprint,
): Promise<void> {
  return change(app, (within) => activateWithin(within, fingerprint, null));
}

/** A connection says only that it was opened, and its CONNACK may be lost; a proof is the device's own word. */
function heardThrough(own: Renewal, via: PrincipalId | null, now: Instant): Renewal {
  return via === null ? own : { ...own, via, heardAt: now };
}

/** What was issued before it; what its renewal replaces may bear a later date, if the clock was set back in between. */
async function* replacedBy({ tx }: Change, entry: LedgerEntry, old: LedgerEntry | null): AsyncGenerator<LedgerEntry> {
  let isOldAmong = false;
  for await (const each of heldBy(tx, entry.principalId, entry.fingerprint)) {
    isOldAmong ||= each.fingerprint === old?.fingerprint;
    yield each;
  }
  if (old && !isOldAmong) yield old;
}

/** Begins the overlap of the certificates that are replaced. @returns when the last of them stops being admitted. */
async function supersede(
  within: Change<Revoking>,
  replaced: AsyncIterable<LedgerEntry>,
  policy: Policy,
): Promise<Instant> {
  const { tx, now } = within;
  let latest = now;
  for await (const each of replaced) {
    if (each.state === 'active' || (each.state === 'expired' && each.notAfter > now)) {
      const overlapUntil = overlapEnd(each, now, policy);
      latest = Math.max(latest, overlapUntil);
      await tx.putCertificate({ ...each, state: 'superseded', overlapUntil, renewAt: null });
    } else if (each.state === 'expired') {
      // Nothing overlaps with a certificate that has ended: the lane closes behind it.
      await retireWithin(within, each);
    } else if (each.state === 'issued') {
      // Never seen in use, it must not be any more: it would open sessions beside its successor.
      await revokeWithin(within, each, 'superseded');
    }
  }
  return latest;
}

/** Completes the renewal that brought the certificate, and has its device told so. */
async function completeRenewal(
  within: Change<Pick<Context, 'policies'>>,
  own: Renewal,
  principal: Principal,
  overlapUntil: Instant,
): Promise<void> {
  const detail = `activated; the old certificate is admitted until ${new Date(overlapUntil).toISOString()}`;
  const transition = await step(within, own, { type: 'activated', overlapUntil }, principal, detail);
  if (transition.kind === 'changed') await oweDone(within.tx, own);
}

/**
 * Its own connection is told once it listens, and nobody else may be: it has yet to get its CONNACK. A site gateway that asked for it may
 * have been listening for long.
 */
async function oweDone(tx: Transaction, { id: renewalId, via }: Renewal): Promise<void> {
  if (via !== null) await tx.enqueue({ kind: 'prompt', renewalId });
}

/** Nothing is replaced: the certificate in use is good until its own end, and its device keeps it. */
async function completeDrill(
  within: Change<Pick<Context, 'policies'>>,
  own: Renewal,
  principal: Principal,
): Promise<void> {
  const old = own.oldFingerprint && (await within.tx.certificate(own.oldFingerprint));
  const overlapUntil = Math.max(within.now, old ? old.notAfter : own.deadline);
  const detail = 'activated in a drill; nothing is replaced';
  const transition = await step(within, own, { type: 'activated', overlapUntil }, principal, detail);
  if (transition.kind === 'changed') await oweDone(within.tx, own);
}

/** Calls off the renewals that the certificate made needless, and what they have brought. */
async function cancelOthers(
  within: Change<Pick<Context, 'policies'> & Revoking>,
  entry: LedgerEntry,
  principal: Principal,
): Promise<void> {
  const { tx } = within;
  for (const other of await tx.unendedRenewals(entry.principalId)) {
    if (other.id === entry.renewalId || other.createdAt > entry.issuedAt) continue;
    if (other.state === 'activated' && (await isDrill(tx, other))) {
      await step(within, other, { type: 'retired' }, principal, 'the drill is over: what it used was replaced');
    }
    if (!isOpen(other)) continue;
    await callOff(within, other, principal, 'another replacement was activated');
  }
}
