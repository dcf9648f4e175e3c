// Revokes a certificate before its time: listed in the CRL, its sessions ended, and what it meant for the other certificates over
// its key and for open renewals.
import type { Fingerprint, LedgerEntry, RevocationReason } from '../../domain/certificate.ts';
import { restsOnPresentKey, taints } from '../../domain/key-mode.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { isOpen, type Renewal } from '../../domain/renewal.ts';
import { lightsUntil } from '../../domain/standing.ts';
import type { Reader } from '../../ports/store.ts';
import { type Change, type Changing, step } from '../change.ts';
import type { Context } from '../context.ts';
import { carrier } from '../dry-run.ts';
import { OperationError } from '../operation-error.ts';
import { pagesOf } from '../pages.ts';
import type { PolicySubject } from '../policies.ts';
import type { Dryable, DryRunView } from '../views/decisions.ts';
import { distrusted, isDistrusted } from './compromise.ts';
import { heldBy } from './held.ts';
import { oweRevocation, type Revoking } from './owe-revocation.ts';

const revokedAction = 'certificate.revoked';
const fingerprintField = 'tls.client.hash.sha256';

interface Revoked {
  readonly entry: LedgerEntry;
  /** Others that were revoked with it. */
  readonly also: number;
  /** Is it a site gateway's, which no certificate lets in any more? */
  readonly isGatewayDark: boolean;
  readonly dryRun?: DryRunView;
}

/** Certificates over one key that are revoked in one change. A whole fleet may share a key, and others must not wait for all of it. */
const revokedTogether = 100;

type RevokeContext = Changing & Pick<Context, 'policies'> & Revoking;

/**
 * Revokes by fingerprint; for a compromised key, every certificate over it: those of the same principal at once, then those of others in
 * turns. Cut off in between, it goes on when it is asked again. Rejects with `not_found`; a certificate revoked or retired already stays
 * as it is.
 */
export async function revoke(
  app: RevokeContext,
  fingerprint: Fingerprint,
  reason: RevocationReason,
  dryable: Dryable = {},
): Promise<Revoked> {
  const carried = carrier(dryable);
  const { revoked, ...own } = await carried.run(app, async (inner) => {
    const { tx } = inner;
    const entry = await tx.certificate(fingerprint);
    if (!entry) throw new OperationError('not_found', [`no certificate ${fingerprint}`]);
    const all = reason === 'keyCompromise' ? [entry, ...(await ownOverKey(tx, entry))] : [entry];
    const revoked = await revokeAll(inner, all, reason);
    revoked.delete(fingerprint);
    const isGatewayDark = await isDarkGateway(inner, entry.principalId);
    return { entry: (await tx.certificate(fingerprint)) ?? entry, isGatewayDark, revoked };
  });
  if (reason === 'keyCompromise') {
    for await (const page of othersOverKey(app, own.entry)) {
      // One that fell with a renewal in an earlier turn still stands where that turn was only tried.
      const left = page.filter((each) => !revoked.has(each.fingerprint));
      for (const each of await carried.run(app, (within) => revokeAll(within, left, reason))) revoked.add(each);
    }
  }
  return { ...own, also: revoked.size, ...carried.view() };
}

/** Revokes these within a change, and what follows for their renewals. @returns the fingerprints of all that were revoked. */
async function revokeAll(
  inner: Change<Pick<Context, 'policies'> & Revoking>,
  entries: readonly LedgerEntry[],
  reason: RevocationReason,
): Promise<Set<unknown>> {
  const revoked = new Set<unknown>();
  const record: Change['record'] = (happening) => {
    if (happening.action === revokedAction) revoked.add(happening.fields?.[fingerprintField]);
    return inner.record(happening);
  };
  const within = { ...inner, record };
  for (const entry of entries) {
    // One may have fallen with the renewal of another, or since it was read.
    const each = (await within.tx.certificate(entry.fingerprint)) ?? entry;
    if (await revokeWithin(within, each, reason)) await mendRenewals(within, each, reason);
  }
  return revoked;
}

async function ownOverKey(
  tx: Reader,
  { principalId, fingerprint, keyFingerprint }: LedgerEntry,
): Promise<LedgerEntry[]> {
  const own: LedgerEntry[] = [];
  for await (const each of heldBy(tx, principalId)) {
    if (each.keyFingerprint === keyFingerprint && each.fingerprint !== fingerprint) own.push(each);
  }
  return own;
}

async function* othersOverKey(
  { store }: Pick<Context, 'store'>,
  { principalId, keyFingerprint }: LedgerEntry,
): AsyncGenerator<readonly LedgerEntry[]> {
  const pages = pagesOf<LedgerEntry>(revokedTogether, (last) =>
    store.read.heldByKey(keyFingerprint, {
      limit: revokedTogether,
      ...(last && { after: last.fingerprint }),
    }),
  );
  for await (const page of pages) {
    const others = page.filter((each) => each.principalId !== principalId);
    if (others.length > 0) yield others;
  }
}

async function isDarkGateway({ tx, now }: Change, id: PrincipalId): Promise<boolean> {
  if ((await tx.principal(id))?.kind !== 'gateway') return false;
  // As everywhere: a replacement that was not seen in use may not have arrived.
  const wasSeen = await tx.wasSeen(id);
  for await (const each of heldBy(tx, id)) {
    if (lightsUntil(each) > now && (each.activatedAt !== null || !wasSeen)) return false;
  }
  return true;
}

/** Revokes an entry within a change. @returns false when it was revoked or retired already. */
export async function revokeWithin(
  within: Change<Revoking>,
  entry: LedgerEntry,
  reason: RevocationReason,
): Promise<boolean> {
  if (entry.state === 'revoked' || entry.state === 'retired') return false;
  const { tx, now, record } = within;
  const revoked = { ...entry, state: 'revoked', renewAt: null, revokedAt: now, revocationReason: reason } as const;
  await tx.putCertificate(revoked);
  await oweRevocation(within, revoked);
  await tx.enqueue({ kind: 'close-certificate', fingerprint: entry.fingerprint, reason: 'revoked' });
  await record({
    action: revokedAction,
    reason,
    message: `${entry.principalId}: certificate ${entry.serial} revoked (${reason})`,
    principalId: entry.principalId,
    fields: { [fingerprintField]: entry.fingerprint },
  });
  return true;
}

async function mendRenewals(
  within: Change<Pick<Context, 'policies'> & Revoking>,
  entry: LedgerEntry,
  reason: RevocationReason,
): Promise<void> {
  const principal = await within.tx.principal(entry.principalId);
  if (!principal) return;
  for (const renewal of await within.tx.unendedRenewals(entry.principalId)) {
    if (!isOpen(renewal)) continue;
    if (renewal.newFingerprint === entry.fingerprint) await askAnew(within, renewal, 'revoked', reason, principal);
    else if (renewal.oldFingerprint === entry.fingerprint && isVain(renewal, reason)) {
      const detail = 'the certificate to be replaced was revoked; issue one by hand';
      await step(within, renewal, { type: 'cancelled', detail }, principal);
      await revokeUnused(within, renewal, reason);
    } else if (reason === 'keyCompromise' && (await isDistrusted(within, renewal, principal))) {
      await step(within, renewal, { type: 'cancelled', detail: distrusted }, principal);
      await revokeUnused(within, renewal, reason);
    }
  }
}

/**
 * Is there nothing good to come of a renewal whose old certificate is revoked? Nobody can ask any more; a replacement that rests on
 * the key it was over falls with it; and what was asked for with a stolen key may be the thief's.
 */
function isVain({ newFingerprint, mode }: Renewal, reason: RevocationReason): boolean {
  if (newFingerprint === null || reason === 'keyCompromise') return true;
  return restsOnPresentKey(mode) && taints(reason);
}

async function revokeUnused(
  within: Change<Revoking>,
  { newFingerprint }: Renewal,
  reason: RevocationReason,
): Promise<void> {
  const unused = newFingerprint && (await within.tx.certificate(newFingerprint));
  if (unused) await revokeWithin(within, unused, reason);
}

/** The replacement itself is no more: the renewal goes on without it, and takes any request anew. */
export async function askAnew(
  within: Change<Pick<Context, 'policies'>>,
  renewal: Renewal,
  code: 'revoked' | 'expired',
  reason: string,
  principal: PolicySubject,
): Promise<void> {
  const emptied = { ...renewal, newFingerprint: null, requestKey: null };
  await step(within, emptied, { type: 'failed', code, detail: reason }, principal, `replacement ${code}`);
}
