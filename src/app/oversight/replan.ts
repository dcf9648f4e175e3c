// Settles anew when every certificate in use is due, once the policies or whatever else decides that are others than those its date was
// reckoned with: in the order of their ends, a batch at a time, while the gateway serves. It opens no renewal and touches no open one:
// what has fallen due by it the next sweep opens, those with the nearest end first.
import { createHash } from 'node:crypto';
import { dateRule } from '../../domain/policy.ts';
import { dueRule } from '../../domain/presence.ts';
import { criticalities } from '../../domain/principal.ts';
import type { Outlook, OutlookPlace, Reader } from '../../ports/store.ts';
import { type Change, change } from '../change.ts';
import type { App } from '../context.ts';
import { dueAnew } from '../renewal/due.ts';
import { watchAnew } from './watch-principals.ts';

const settingName = 'due-dates';

/** How far it has come; kept with each batch, so that one that was cut off goes on where it was. */
interface Progress {
  /** Of what the dates are reckoned with. */
  readonly digest: string;
  /** Was it never known what the dates are reckoned with? A home is new, or from before that was kept. */
  readonly first: boolean;
  /** The last certificate looked at; null before the first. */
  readonly after: OutlookPlace | null;
  readonly done: boolean;
  readonly looked: number;
  readonly earlier: number;
  readonly later: number;
  readonly due: number;
  /** Classes of devices in use that are not configured, the first of them; absent in what was kept before that was noted. */
  readonly unknown?: readonly string[];
}

const unknownMax = 16;

/** Names all that decides when a certificate is due beside itself and its device. */
function digestOf({ policies, settings }: App): string {
  const all = [...policies.set].sort(([a], [b]) => (a < b ? -1 : 1));
  const rules = all.map(([name, of]) => [name, criticalities.map((criticality) => of[criticality].policy)]);
  return createHash('sha256')
    .update(JSON.stringify([dueRule, dateRule, settings.cohortShares, rules]))
    .digest('hex');
}

async function progressIn(read: Reader): Promise<Progress | null> {
  const text = await read.setting(settingName);
  return text === null ? null : (JSON.parse(text) as Progress);
}

/** Were the dates reckoned with something else than what holds now, or not all of them yet with that? */
export async function mustReplan(app: App): Promise<boolean> {
  const progress = await progressIn(app.store.read);
  return progress?.done !== true || progress.digest !== digestOf(app);
}

/**
 * Reckons all dates anew. Ends early when `signal` aborts, or when other policies hold than at its beginning: whoever begins it next
 * begins at the first certificate then, and else where this one ended.
 */
export async function replan(app: App, signal: AbortSignal): Promise<void> {
  const digest = digestOf(app);
  for (;;) {
    await app.turns.take();
    if (signal.aborted || digestOf(app) !== digest) return;
    if (await change(app, (within) => replanBatch(within, digest))) return;
  }
}

const beginning = { after: null, done: false, looked: 0, earlier: 0, later: 0, due: 0 } as const;

/** @returns whether it was the last. */
async function replanBatch(within: Change, digest: string): Promise<boolean> {
  const { app, tx } = within;
  const known = await progressIn(tx);
  const before: Progress = known?.digest === digest ? known : { ...beginning, digest, first: known === null };
  if (before.done) return true;
  const limit = app.settings.sweepBatch;
  const batch = await tx.outlooks(Number.MAX_SAFE_INTEGER, before.after, limit);
  const moved = { earlier: 0, later: 0, due: 0 };
  for (const outlook of batch) await replanOne(within, outlook, moved);
  const done = batch.length < limit;
  const unknown = new Set(before.unknown);
  for (const { principal } of batch) {
    if (unknown.size < unknownMax && !app.policies.set.has(principal.class)) unknown.add(principal.class);
  }
  const after: Progress = {
    digest,
    first: before.first,
    after: batch.at(-1)?.place ?? before.after,
    done,
    looked: before.looked + batch.length,
    earlier: before.earlier + moved.earlier,
    later: before.later + moved.later,
    due: before.due + moved.due,
    unknown: [...unknown],
  };
  await tx.putSetting(settingName, JSON.stringify(after));
  const isNews = after.first ? after.earlier + after.later > 0 : after.looked > 0;
  // When somebody is alerted hangs on the policy as well.
  if (done) await watchAnew(within);
  if (done && isNews) await conclude(within, after);
  if (done && unknown.size > 0) await tellUnknown(within, [...unknown]);
  return done;
}

async function replanOne(
  { app, tx, now }: Change,
  outlook: Outlook,
  moved: { earlier: number; later: number; due: number },
) {
  const { certificate } = outlook;
  const renewAt = dueAnew(app, outlook);
  if (renewAt === null || certificate.renewAt === null || renewAt === certificate.renewAt) return;
  const entry = await tx.certificate(certificate.fingerprint);
  if (!entry) return;
  await tx.putCertificate({ ...entry, renewAt });
  moved[renewAt < certificate.renewAt ? 'earlier' : 'later'] += 1;
  if (renewAt <= now && certificate.renewAt > now) moved.due += 1;
}

function tellUnknown({ record }: Change, classes: readonly string[]): Promise<void> {
  return record({
    action: 'policy.class_unknown',
    message: `devices are of classes that are not configured, and have the policy of default: ${classes.join(', ')}`,
    fields: { 'nolapse.classes': classes },
  });
}

function conclude({ record }: Change, { looked, earlier, later, due }: Progress): Promise<void> {
  return record({
    action: 'policy.applied',
    message: `the due dates of ${looked} certificates were reckoned anew: ${earlier} are earlier, ${later} later; ${due} have come by it`,
    fields: { 'nolapse.looked': looked, 'nolapse.earlier': earlier, 'nolapse.later': later, 'nolapse.due': due },
  });
}
