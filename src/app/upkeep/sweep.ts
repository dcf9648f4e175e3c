// What time alone brings about: renewals that fall due, offers to repeat, overlaps and lifetimes that end. Each step reads an
// index and takes on a bounded batch, so its cost follows what is due, not the size of the fleet; where nothing is due, it is that read.
import type { LedgerEntry } from '../../domain/certificate.ts';
import type { Principal } from '../../domain/principal.ts';
import { awaitDevice, isOpen, type Renewal } from '../../domain/renewal.ts';
import { type Change, change, step } from '../change.ts';
import type { Context } from '../context.ts';
import { mustWalk, walkOn, watchBatch, watchDue } from '../oversight/watch-principals.ts';
import { callOff } from '../renewal/call-off.ts';
import { isDrill } from '../renewal/drill.ts';
import { lastChance, owePrompt } from '../renewal/last-chance.ts';
import { type OpenRenewalContext, openWithin } from '../renewal/open-renewal.ts';
import type { Revoking } from '../renewal/owe-revocation.ts';
import { retireWithin } from '../renewal/retire.ts';
import { askAnew } from '../renewal/revoke.ts';
import type { WithWhereabouts } from '../whereabouts.ts';
import { lookAfterSteps } from './announce.ts';
import { attempt } from './attempt.ts';

export type SweepContext = OpenRenewalContext & Pick<Context, 'settings'> & WithWhereabouts;

/** Batches one sweep works through before it lets others have a turn; the next sweep goes on. */
const batchesMax = 50;

/** Rows of each kind that are handled in one change together: most sweeps find fewer. */
const togetherMax = 25;

/** Handles at most so many rows. @returns how many there were. */
type Step = (within: Change<SweepContext>, limit: number) => Promise<number>;

/** Rows handled by a sweep, by step. */
export interface Swept {
  readonly due: number;
  readonly renewals: number;
  readonly ended: number;
  /** Principals looked at for alerts. */
  readonly watched: number;
}

const nothingDue: Swept = { due: 0, renewals: 0, ended: 0, watched: 0 };

/**
 * Does everything whose time has come. Safe to run twice, and to be cut off anywhere between batches. Rejects with the first failure, once
 * everything else is done.
 */
export async function sweep(app: SweepContext): Promise<Swept> {
  const { sweepBatch } = app.settings;
  const failures: unknown[] = [];
  const few = Math.min(togetherMax, sweepBatch);
  const first = await sweepTogether(app, few);
  let isMore = false;
  /** Where one step cannot read or write, the others are done all the same. */
  const rest = async (done: number | undefined, step: Step, limit = sweepBatch): Promise<number> => {
    if (done !== undefined && done < few) return done;
    isMore = true;
    try {
      return (done ?? 0) + (await drain(app, step, limit));
    } catch (error) {
      failures.push(error);
      return done ?? 0;
    }
  };
  const ended = await rest(first?.ended, endCertificates);
  const renewals = await rest(first?.renewals, moveRenewals);
  const due = await rest(first?.due, openDue);
  await attempt(app, 'could not go through the inventory', async () => {
    if (await walk(app)) isMore = true;
  });
  await attempt(app, 'could not tell of the steps of roots', () => lookAfterSteps(app, sweepBatch));
  // The last: whatever the others have changed is looked at with them.
  const looked = await rest(isMore ? undefined : first?.watched, watchDue, Math.min(watchBatch, sweepBatch));
  const watched = looked + (isMore && first ? first.watched : 0);
  const [failure] = failures;
  if (failure !== undefined) throw failure;
  return { due, renewals, ended, watched };
}

/** The first rows of each kind, in one change; null: it failed, and each kind is to be handled apart. */
async function sweepTogether(app: SweepContext, limit: number): Promise<Swept | null> {
  const { read } = app.store;
  try {
    const is = await read.dueKinds(app.clock.now());
    const isAny = is.ended || is.renewals || is.certificates;
    if (!isAny && !is.watches) return nothingDue;
    return await change(app, async (within) => {
      const ended = is.ended ? await endCertificates(within, limit) : 0;
      const renewals = is.renewals ? await moveRenewals(within, limit) : 0;
      const due = is.certificates ? await openDue(within, limit) : 0;
      return { ended, renewals, due, watched: await watchDue(within, limit) };
    });
  } catch {
    return null;
  }
}

/** @returns whether there was anybody to walk to. */
async function walk(app: SweepContext): Promise<boolean> {
  if (!(await mustWalk(app.store.read))) return false;
  const { sweepBatch } = app.settings;
  for (let batch = 0; batch < batchesMax; batch += 1) if ((await walkOn(app, sweepBatch)) < sweepBatch) break;
  return true;
}

/** Each batch reads anew, within its transaction, what is due: since it was looked, it may have become more or less. */
async function drain(app: SweepContext, step: Step, limit: number): Promise<number> {
  let total = 0;
  for (let batch = 0; batch < batchesMax; batch += 1) {
    const done = await change(app, (within) => step(within, limit));
    total += done;
    if (done < limit) break;
  }
  return total;
}

async function openDue(within: Change<SweepContext>, limit: number): Promise<number> {
  const due = await within.tx.dueCertificates(within.now, limit);
  for (const entry of due) await openWithin(within, entry);
  return due.length;
}

async function endCertificates(within: Change<SweepContext>, limit: number): Promise<number> {
  const ended = await within.tx.endedCertificates(within.now, limit);
  for (const entry of ended) {
    if (entry.state === 'superseded') await retireWithin(within, entry);
    else await expire(within, entry);
  }
  return ended.length;
}

async function expire(within: Change<SweepContext>, entry: LedgerEntry): Promise<void> {
  const { tx, record } = within;
  const expired: LedgerEntry = { ...entry, state: 'expired', renewAt: null };
  await tx.putCertificate(expired);
  await record({
    action: 'certificate.expired',
    message: `${entry.principalId}: certificate expired`,
    principalId: entry.principalId,
    fields: { 'tls.client.hash.sha256': entry.fingerprint },
  });
  // One that was in use and had no renewal open (the broker was down, say) has lapsed all the same: it gets one now.
  if (entry.state === 'active') await openWithin(within, expired);
  if (entry.state === 'issued' && entry.renewalId) await goOnWithout(within, entry, entry.renewalId);
}

/** A replacement that ended before it was used is worth nothing: its renewal asks for another. */
async function goOnWithout(
  within: Change<Pick<Context, 'policies'>>,
  { fingerprint }: LedgerEntry,
  renewalId: string,
): Promise<void> {
  const renewal = await within.tx.renewal(renewalId);
  const principal = renewal && (await within.tx.principal(renewal.principalId));
  if (!renewal || !principal || !isOpen(renewal) || renewal.newFingerprint !== fingerprint) return;
  await askAnew(within, renewal, 'expired', 'it ended before it was used', principal);
}

async function moveRenewals(within: Change<Pick<Context, 'policies'> & Revoking>, limit: number): Promise<number> {
  const due = await within.tx.dueRenewals(within.now, limit);
  for (const renewal of due) {
    const principal = await within.tx.principal(renewal.principalId);
    if (principal) await moveOne(within, renewal, principal);
  }
  return due.length;
}

async function moveOne(
  within: Change<Pick<Context, 'policies'> & Revoking>,
  renewal: Renewal,
  principal: Principal,
): Promise<void> {
  const { tx, now } = within;
  if (renewal.state === 'activated') return retireRenewal(within, renewal, principal);
  if (!isOpen(renewal)) return tx.putRenewal({ ...renewal, nextAt: null });
  if (now >= renewal.closesAt) return close(within, renewal, principal);
  let current = renewal;
  if (now >= renewal.deadline && renewal.lapsedAt === null) current = await lapse(within, renewal, principal);
  // Until the prompt reports who was there, only the old certificate's end is looked for.
  await tx.putRenewal(awaitDevice(current));
  const { id: renewalId } = renewal;
  if (renewal.state === 'requested') await tx.enqueue({ kind: 'issue', renewalId, by: await lastChance(tx, renewal) });
  else await owePrompt(tx, renewal);
}

async function retireRenewal(
  within: Change<Pick<Context, 'policies'> & Revoking>,
  renewal: Renewal,
  principal: Principal,
): Promise<void> {
  if (await isDrill(within.tx, renewal)) {
    await step(within, renewal, { type: 'retired' }, principal, 'the drill is over; nothing is retired by it');
    return;
  }
  const old = renewal.oldFingerprint && (await within.tx.certificate(renewal.oldFingerprint));
  if (old) await retireWithin(within, old);
  await step(within, renewal, { type: 'retired' }, principal, 'complete; the old certificate is retired');
}

async function lapse(
  within: Change<Pick<Context, 'policies'>>,
  renewal: Renewal,
  principal: Principal,
): Promise<Renewal> {
  const detail = 'lapsed: the certificate ended before its replacement was activated';
  const transition = await step(within, renewal, { type: 'expired' }, principal, detail);
  if (transition.kind !== 'changed') return renewal;
  return transition.renewal;
}

async function close(
  within: Change<Pick<Context, 'policies'> & Revoking>,
  renewal: Renewal,
  principal: Principal,
): Promise<void> {
  const old = renewal.oldFingerprint && (await within.tx.certificate(renewal.oldFingerprint));
  // Another replacement is in use, and only the superseded certificate has come to its end: nothing has lapsed.
  if (old && (old.state === 'superseded' || old.state === 'retired')) {
    return callOff(within, renewal, principal, 'the certificate it replaces was replaced already, and has retired');
  }
  const detail = 'closed: grace has ended, the device needs a certificate by hand';
  await step(within, renewal, { type: 'closed' }, principal, detail);
}
