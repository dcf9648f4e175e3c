// Brings the inventory in line with an authoritative source: read and checked whole, compared, guarded, and only then applied. A
// source that fails, or lacks too much, changes nothing and raises an alert.
import type { Principal } from '../../domain/principal.ts';
import type { Told } from '../../domain/reconcile.ts';
import type { Reader } from '../../ports/store.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { WithChores } from '../chores.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { allow, checkInsistence } from '../renewal/decide.ts';
import type { ReconcileReport, ReconcileRequest, SourceView } from '../views/inventory.ts';
import { type ApplyReconcileContext, applyReconcile } from './apply-reconcile.ts';
import {
  type Conflict,
  conflictKinds,
  type Plan,
  type PlanReconcileContext,
  planReconcile,
  type TakeOver,
} from './plan-reconcile.ts';
import type { NamedSource } from './read-source.ts';
import { keepLosses, keepState, type SourceState, settleLosses, sourceState } from './source-state.ts';

export type ReconcileContext = PlanReconcileContext & ApplyReconcileContext & Pick<Context, 'sources'> & WithChores;

/** Devices named in a report, of each sort. */
const namedDefault = 1_000;

/** Findings kept of one run. */
const conflictsKeptMax = 10_000;

/**
 * Reads one source and, unless it is only to be shown, applies the difference. Rejects with `not_found`, `conflict` when this source
 * is being read already, and `invalid` with every fault of the source.
 */
export async function reconcile(app: ReconcileContext, request: ReconcileRequest): Promise<ReconcileReport> {
  checkInsistence(request);
  const named = sourceNamed(app, request.source);
  const run = app.chores.begin(`source ${named.name}`, (signal) =>
    request.dryRun ? show(app, named, request, signal) : apply(app, named, request, signal),
  );
  if (!run) throw new OperationError('conflict', [`source ${named.name} is being read already`]);
  return run;
}

function sourceNamed(app: Pick<Context, 'sources' | 'settings'>, name: string): NamedSource {
  const source = app.sources.get(name);
  const rules = app.settings.sources.get(name);
  if (!source || !rules) throw new OperationError('not_found', [`no source ${name.slice(0, 64)} is configured`]);
  return { name, source, rules };
}

const takeOverOf = ({ takeOver = false, takeOverFrom }: ReconcileRequest): TakeOver => ({
  byHand: takeOver,
  from: takeOverFrom ?? null,
});

async function show(
  app: ReconcileContext,
  named: NamedSource,
  request: ReconcileRequest,
  signal: AbortSignal,
): Promise<ReconcileReport> {
  const plan = await planReconcile(app, named, takeOverOf(request), signal);
  return reportOf(app.store.read, named.name, plan, request, false);
}

async function apply(
  app: ReconcileContext,
  named: NamedSource,
  request: ReconcileRequest,
  signal: AbortSignal,
): Promise<ReconcileReport> {
  const startedAt = app.clock.now();
  let plan: Plan;
  try {
    plan = await planReconcile(app, named, takeOverOf(request), signal);
  } catch (error) {
    if (error instanceof OperationError && !signal.aborted) await fail(app, named.name, error);
    throw error;
  }
  const isObjectedTo = plan.objections.length > 0 && !request.force;
  const refused = (plan.objection !== null && !request.acceptLoss) || isObjectedTo;
  const decided = { what: `what source ${named.name} changes`, command: `nolapse reconcile --source ${named.name}` };
  if (!refused) await allow(app, decided, plan.objections, request);
  const report = await reportOf(app.store.read, named.name, plan, request, !refused);
  const accepted = plan.objection !== null && !refused;
  if (!refused) await applyReconcile(app, named.name, plan, { accepted, signal });
  // What was cut off is not remembered as done: the next run goes on.
  if (signal.aborted) throw new OperationError('conflict', ['interrupted; the next run does the rest']);
  const ended: Ended = { plan: { ...plan, objection: objectionTo(plan) }, refused, accepted, startedAt };
  await change(app, (within) => conclude(within, named.name, ended));
  return report;
}

/** The guard's, and what somebody has to insist on. */
function objectionTo({ objection, objections }: Plan): string | null {
  const all = [...(objection === null ? [] : [objection]), ...objections.map(({ sentence }) => sentence)];
  return all.length > 0 ? all.join('; ') : null;
}

async function fail(app: Changing, name: string, { faults }: OperationError): Promise<void> {
  const rest = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  const detail = `${faults[0] ?? 'it failed'}${rest}`;
  await change(app, async (within) => {
    await keepState(within, name, { at: within.now, outcome: 'failed', detail });
    await within.record({
      action: 'source.failed',
      reason: 'failed',
      message: `source ${name} could not be read, nothing was changed: ${detail}`,
      fields: { 'nolapse.source': name },
    });
  });
}

interface Ended {
  readonly plan: Plan;
  readonly refused: boolean;
  /** The guard objected, and somebody let it go on: what was lost until then is settled. */
  readonly accepted: boolean;
  readonly startedAt: number;
}

async function conclude(within: Change, name: string, { plan, refused, accepted, startedAt }: Ended): Promise<void> {
  const summary = summaryOf(plan);
  const state: SourceState = refused
    ? { at: within.now, outcome: 'refused', detail: plan.objection ?? '' }
    : { at: within.now, outcome: 'good', detail: summary };
  await keepState(within, name, state);
  await (accepted ? settleLosses(within, name) : keepLosses(within, name, 0));
  await keepConflicts(within, name, plan.conflicts, startedAt);
  await within.record({
    action: refused ? 'source.failed' : 'source.reconciled',
    ...(refused && { reason: 'refused' }),
    message: refused ? `source ${name}: ${plan.objection}; nothing was changed` : `source ${name}: ${summary}`,
    fields: { 'nolapse.source': name },
  });
}

async function keepConflicts({ tx, now }: Change, name: string, conflicts: readonly Conflict[], startedAt: number) {
  for (const { kind, id, detail } of conflicts.slice(0, conflictsKeptMax)) {
    await tx.putFinding({ kind, subject: `${name}/${id}`, detail, firstAt: now, lastAt: now });
  }
  for (const kind of conflictKinds) await tx.forgetFindings(kind, startedAt, `${name}/`);
}

function summaryOf({ added, changed, decommissioned, unchanged, conflicts }: Plan): string {
  const left = conflicts.length > 0 ? `, ${conflicts.length} left alone` : '';
  return `${added.length} added, ${changed.length} changed, ${decommissioned.length} decommissioned, ${unchanged} unchanged${left}`;
}

async function reportOf(
  read: Reader,
  source: string,
  plan: Plan,
  { limit = namedDefault }: ReconcileRequest,
  applied: boolean,
): Promise<ReconcileReport> {
  const changed = plan.changed.slice(0, limit).map(async ({ id, fields, to }) => {
    const known = await read.principal(id);
    return { id, fields: fields.map((name) => fieldOf(name, known, to, source)) };
  });
  return {
    source,
    applied,
    objection: objectionTo(plan),
    loses: plan.objection !== null,
    ...plan.costs,
    insist: plan.objections.length > 0,
    counts: {
      added: plan.added.length,
      changed: plan.changed.length,
      decommissioned: plan.decommissioned.length,
      unchanged: plan.unchanged,
      conflicts: plan.conflicts.length,
      unsourced: plan.unsourced.length,
    },
    added: plan.added.slice(0, limit).map(({ id }) => id),
    changed: await Promise.all(changed),
    decommissioned: plan.decommissioned.slice(0, limit),
    unsourced: plan.unsourced.slice(0, limit),
    conflicts: plan.conflicts.slice(0, limit).map(({ id, detail }) => ({ id, detail })),
  };
}

function fieldOf(name: string, known: Principal | null, to: Told, source: string) {
  const from = known?.[name as keyof Principal] ?? null;
  return { name, from, to: name === 'source' ? source : (to[name as keyof Told] ?? null) };
}

/** The sources that are configured, and how each was when it was last read. */
export async function listSources(app: Pick<Context, 'store' | 'settings'>): Promise<SourceView[]> {
  const views = [...app.settings.sources].map(async ([name, { everyMs }]) => ({
    name,
    everyMs,
    state: viewOf(await sourceState(app.store.read, name)),
  }));
  return Promise.all(views);
}

function viewOf(state: SourceState | null): SourceView['state'] {
  return state && { at: state.at, outcome: state.outcome, detail: state.detail };
}
