// Settles anew when every certificate in use is due, once the policies or whatever else decides that are others than those its date was
// reckoned with: in the order of their ends, a batch at a time, while the broker serves. It opens no renewal and touches no open one:
// what has fallen due by it the next sweep opens, those with the nearest end first.
import { createHash } from 'node:crypto';
import { dateRule } from '../../domain/policy.ts';
import { dueRule } from '../../domain/presence.ts';
import { criticalities } from '../../domain/principal.ts';
import type { Absence } from '../../domain/visits.ts';
import type { Outlook, OutlookPlace } from '../../ports/outlooks.ts';
import type { Reader } from '../../ports/store.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import type { Policies } from '../policies.ts';
import { sentenceOf } from '../renewal/decide.ts';
import type { WithRates } from '../renewal/token-bucket.ts';
import { type PerDay, pacesOf, Toll } from '../renewal/toll.ts';
import { type WeighContext, type Weighing, weigh } from '../renewal/weigh.ts';
import type { WithTurns } from '../turns.ts';
import type { ShortDevice } from '../views/decisions.ts';
import { appliedPolicies, keepApplied } from './applied-policies.ts';
import { countLockedOut } from './preview-policies.ts';
import { refusedReload } from './refused-reload.ts';
import { watchAnew } from './watch-principals.ts';

export type ReplanContext = WeighContext & Changing & WithTurns;

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
  /** The rest of its toll; absent in what was kept before that was added up. */
  readonly waiting?: number;
  readonly short?: number;
  readonly devices?: readonly ShortDevice[];
  readonly perDay?: PerDay;
  /** Classes of devices in use that are not configured, the first of them; absent in what was kept before that was noted. */
  readonly unknown?: readonly string[];
}

const unknownMax = 16;

/** Names all that decides when a certificate is due beside itself and its device. */
function digestOf({ policies, settings }: Pick<Context, 'policies' | 'settings'>): string {
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
export async function mustReplan(app: Pick<Context, 'store' | 'policies' | 'settings'>): Promise<boolean> {
  const progress = await progressIn(app.store.read);
  return progress?.done !== true || progress.digest !== digestOf(app);
}

/**
 * Reckons all dates anew, and alerts where that leaves certificates too little time. Ends early when `signal` aborts, or when other
 * policies hold than at its beginning: whoever begins it next begins at the first certificate then, and else where this one ended.
 */
export async function replan(app: ReplanContext, signal: AbortSignal): Promise<void> {
  const run = await begin(app, signal);
  for (;;) {
    await app.turns.take();
    if (signal.aborted || digestOf(app) !== run.digest) return;
    if (await change(app, (within) => replanBatch(within, run))) return;
  }
}

interface Run {
  readonly digest: string;
  /** What held before; as far as that is not known, what holds now. */
  readonly before: Policies;
  /** Whose grace has ended with shorter ones, where it has not begun yet. */
  readonly lockedOut: Toll;
  readonly absences: readonly Absence[];
}

async function begin(app: ReplanContext, signal: AbortSignal): Promise<Run> {
  const digest = digestOf(app);
  const before = (await appliedPolicies(app.store.read)) ?? app.policies;
  const lockedOut = new Toll();
  const isBegun = (await progressIn(app.store.read))?.digest === digest;
  if (!isBegun) await countLockedOut(app, before, app.policies, lockedOut, signal);
  return { digest, before, lockedOut, absences: await app.presences.absences() };
}

const beginning = { after: null, done: false, looked: 0, earlier: 0, later: 0, due: 0 } as const;

/** @returns whether it was the last. */
async function replanBatch(within: Change<ReplanContext>, run: Run): Promise<boolean> {
  const { app, tx, now } = within;
  const known = await progressIn(tx);
  const isSame = known?.digest === run.digest;
  const at: Progress = isSame ? known : { ...beginning, digest: run.digest, first: known === null };
  if (at.done) return true;
  const limit = app.settings.sweepBatch;
  const batch = await tx.outlooks(Number.MAX_SAFE_INTEGER, at.after, limit);
  const toll = Toll.from(isSame ? known : run.lockedOut.kept());
  for (const outlook of batch) await replanOne(within, outlook, { app, toll, absences: run.absences, now }, run.before);
  const done = batch.length < limit;
  const unknown = new Set(at.unknown);
  for (const { principal } of batch) {
    if (unknown.size < unknownMax && !app.policies.set.has(principal.class)) unknown.add(principal.class);
  }
  const after: Progress = {
    digest: run.digest,
    first: at.first,
    after: batch.at(-1)?.place ?? at.after,
    done,
    ...toll.kept(),
    unknown: [...unknown],
  };
  await tx.putSetting(settingName, JSON.stringify(after));
  if (done) await conclude(within, after);
  return done;
}

async function replanOne(
  within: Change<Pick<Context, 'policies'>>,
  outlook: Outlook,
  weighing: Weighing,
  before: Policies,
): Promise<void> {
  const { app, tx } = within;
  const { certificate, principal, standsBehind } = outlook;
  const side = { principal, standsBehind };
  const renewAt = await weigh(
    weighing,
    outlook,
    { ...side, policy: before.of(principal) },
    { ...side, policy: app.policies.of(principal) },
  );
  if (outlook.renewal || renewAt === null || renewAt === certificate.renewAt) return;
  const entry = await tx.certificate(certificate.fingerprint);
  if (entry) await tx.putCertificate({ ...entry, renewAt });
}

async function conclude(within: Change<Pick<Context, 'policies'> & WithRates>, after: Progress): Promise<void> {
  await keepApplied(within.tx, within.app.policies.set);
  // When somebody is alerted hangs on the policy as well.
  await watchAnew(within);
  const isNews = after.first ? after.earlier + after.later > 0 : after.looked > 0;
  if (isNews) await tellApplied(within, after);
  const unknown = after.unknown ?? [];
  if (unknown.length > 0) await tellUnknown(within, unknown);
  await alertShort(within, after);
}

/** What holds by now is alerted of under its own name; that something else was refused before is over. */
async function alertShort({ app, alert, clearAlert }: Change<WithRates>, after: Progress): Promise<void> {
  const kind = 'too_little_time';
  await clearAlert(refusedReload);
  const objections = Toll.from(after).objections(pacesOf(app.rates).mostPerDay);
  if (objections.length === 0) return clearAlert({ kind, subject: 'policies' });
  const detail = `the policies have changed: ${sentenceOf(objections)}`;
  await alert({ kind, subject: 'policies', severity: 'critical', detail, owner: null });
}

function tellUnknown({ record }: Change, classes: readonly string[]): Promise<void> {
  return record({
    action: 'policy.class_unknown',
    message: `devices are of classes that are not configured, and have the policy of default: ${classes.join(', ')}`,
    fields: { 'nolapse.classes': classes },
  });
}

function tellApplied({ record }: Change, { looked, earlier, later, due }: Progress): Promise<void> {
  return record({
    action: 'policy.applied',
    message: `due dates of ${looked} certificates computed again: ${earlier} earlier, ${later} later; ${due} are due now`,
    fields: { 'nolapse.looked': looked, 'nolapse.earlier': earlier, 'nolapse.later': later, 'nolapse.due': due },
  });
}
