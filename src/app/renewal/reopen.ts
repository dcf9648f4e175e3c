// A device reports that it cannot use a replacement which the broker has seen, on a connection with the certificate it replaced: it is
// given one more renewal of that one. Nothing is undone, and neither certificate's end moves.
import type { Fingerprint, LedgerEntry } from '../../domain/certificate.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { isHeard, objectToReopening } from '../../domain/reopening.ts';
import type { Instant } from '../../domain/time.ts';
import { renewalFailed } from '../../domain/watch.ts';
import type { Reader } from '../../ports/store.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import type { Session } from '../session.ts';
import { callOff } from './call-off.ts';
import { isCompromised } from './compromise.ts';
import { owePrompt } from './last-chance.ts';
import { type OpenRenewalContext, openAgain } from './open-renewal.ts';
import type { Revoking } from './owe-revocation.ts';

/** What the device calls the failure, and says about it. */
interface Report {
  readonly code: string;
  readonly detail: string;
  /** As {@link ReopeningFacts.speaksUnder} has it. */
  readonly speaksUnder: Fingerprint | null;
  /** As {@link ReopeningFacts.isInUse} has it: asked before the change, in which nobody may be asked. */
  readonly isInUse: boolean;
}

/** That another renewal is to be opened; `open`: the one that is open already, and is to be offered again. */
export interface Reopening {
  readonly renewal: Renewal;
  readonly principal: Principal;
  readonly report: Report;
  readonly old: LedgerEntry;
  readonly open: Renewal | null;
}

/** May another renewal be opened because of this report? It is, once; reported again while that is open, it is offered again. */
export async function planReopening(
  { tx, now }: { readonly tx: Reader; readonly now: Instant },
  renewal: Renewal,
  principal: Principal,
  report: Report,
): Promise<Refusal | Reopening> {
  const { speaksUnder, isInUse } = report;
  const old = renewal.oldFingerprint && (await tx.certificate(renewal.oldFingerprint));
  const replacement = renewal.newFingerprint && (await tx.certificate(renewal.newFingerprint));
  const objection = objectToReopening({
    renewal,
    status: principal.status,
    speaksUnder,
    old: old || null,
    replacement: replacement || null,
    isInUse,
    isCompromised: await isCompromised({ tx }, renewal, principal, [old, replacement]),
    now,
  });
  if (objection !== null || !old) return closed(objection ?? 'this renewal has ended');
  const open = await tx.openRenewalFor(old.fingerprint);
  if (open) return { renewal, principal, report, old, open };
  // What was given so brings a renewal that could be reported in turn: once is once for the certificate that is replaced.
  const siblings = (await tx.unendedRenewals(principal.id)).filter((each) => each.oldFingerprint === old.fingerprint);
  if (siblings.some(({ reopenedAt }) => reopenedAt !== null)) return closed('it was given another renewal before');
  return { renewal, principal, report, old, open };
}

export async function reopenWithin(
  within: Change<OpenRenewalContext>,
  { renewal, principal, report, old, open }: Reopening,
): Promise<void> {
  const { tx, now, record, alert } = within;
  if (open) return owePrompt(tx, open);
  const { code, detail } = report;
  await tx.putRenewal({ ...renewal, reopenedAt: now, updatedAt: now });
  const other = await openAgain(within, principal, old);
  await record({
    action: 'renewal.reopened',
    message: `${principal.id}: it cannot use what renewal ${renewal.id} brought (${code}): renewal ${other.id} follows`,
    principalId: principal.id,
    renewalId: renewal.id,
  });
  await alert(
    renewalFailed(principal, code, detail || 'a replacement that was seen is not usable; another is offered'),
  );
}

function closed(detail: string): Refusal {
  return { code: 'renewal_closed', detail };
}

/** The renewal that has brought this session's certificate, where its device was not heard under that before; null: there is none. */
export function notHeardOn(renewals: readonly Renewal[], { fingerprint, introduced }: Session): Renewal | null {
  const own = introduced ? null : broughtBy(renewals, fingerprint);
  return own && !isHeard(own) ? own : null;
}

/** The session's principal has spoken on it: under a replacement that says that the device can use it. */
export async function noteHeard(app: Changing & Pick<Context, 'policies'> & Revoking, session: Session): Promise<void> {
  const { principal, fingerprint } = session;
  if (session.introduced) return;
  const own = notHeardOn(await app.store.read.unendedRenewals(principal.id), session);
  if (own) await change(app, (within) => heardWithin(within, principal.id, fingerprint));
}

/** The renewal that has brought this certificate, as long as what it replaced has not retired. */
export function broughtBy(renewals: readonly Renewal[], fingerprint: Fingerprint): Renewal | null {
  return renewals.find((each) => each.state === 'activated' && each.newFingerprint === fingerprint) ?? null;
}

/**
 * The device was heard under this certificate: what is to be made instead of it is called off. Within a change, and twice is once.
 */
export async function heardWithin(
  within: Change<Pick<Context, 'policies'> & Revoking>,
  id: PrincipalId,
  fingerprint: Fingerprint,
): Promise<void> {
  const { tx, now } = within;
  const own = broughtBy(await tx.unendedRenewals(id), fingerprint);
  if (!own || isHeard(own)) return;
  await tx.putRenewal({ ...own, heardAt: now });
  if (own.reopenedAt === null || own.oldFingerprint === null) return;
  const principal = await tx.principal(id);
  const other = await tx.openRenewalFor(own.oldFingerprint);
  if (principal && other) await callOff(within, other, principal, 'the replacement that was seen is in use after all');
}
