// Makes the inventory what a source says, in batches: each device whole, and looked at again in the change that touches it, because
// time has passed since the difference was worked out. What is cut off in the middle, the next run finishes.
import type { PrincipalId } from '../../domain/principal.ts';
import { blank, type Changed, type Told, withTold } from '../../domain/reconcile.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import type { Revoking } from '../renewal/owe-revocation.ts';
import type { WithTurns } from '../turns.ts';
import { decommissionWithin } from './decommission.ts';
import { enterWithin } from './enter.ts';
import { batchRows } from './inventory.ts';
import type { Plan } from './plan-reconcile.ts';
import { changesOf, changeWords, rewriteWithin } from './rewrite.ts';
import { keepLosses } from './source-state.ts';

export type ApplyReconcileContext = Changing & Pick<Context, 'policies' | 'settings'> & Revoking & WithTurns;

interface Applying {
  /** Somebody said that what is missing is gone: the guard does not count it. */
  readonly accepted: boolean;
  readonly signal: AbortSignal;
}

type BatchesContext = Changing & Pick<Context, 'settings'> & WithTurns;

/** Applies a plan. Ends early, between batches, when `signal` aborts. */
export async function applyReconcile(
  app: ApplyReconcileContext,
  source: string,
  plan: Plan,
  applying: Applying,
): Promise<void> {
  const { accepted, signal } = applying;
  await inBatches(app, plan.added, signal, async (within, rows) => {
    for (const row of rows) await add(within, source, row);
  });
  await inBatches(app, plan.changed, signal, async (within, rows) => {
    for (const each of rows) await update(within, source, each);
  });
  await inBatches(app, plan.decommissioned, signal, async (within, ids) => {
    for (const id of ids) await end(within, source, id);
    if (!accepted) await keepLosses(within, source, ids.length);
  });
}

async function inBatches<Given extends BatchesContext, T>(
  app: Given,
  rows: readonly T[],
  signal: AbortSignal,
  work: (within: Change<Given>, batch: readonly T[]) => Promise<void>,
): Promise<void> {
  const together = Math.min(batchRows, app.settings.sweepBatch);
  for (let from = 0; from < rows.length && !signal.aborted; from += together) {
    await change(app, (within) => work(within, rows.slice(from, from + together)));
    await app.turns.take();
  }
}

async function add(within: Change, source: string, row: Told): Promise<void> {
  const { tx, record } = within;
  if ((await tx.principal(row.id)) || (await tx.caseTwin(row.id))) return;
  const principal = withTold({ ...blank, id: row.id, source }, row);
  await enterWithin(within, principal);
  await record({
    action: 'device.added',
    level: 'debug',
    message: `${row.id} added by source ${source}, owned by ${principal.owner || 'nobody'}`,
    principalId: row.id,
  });
}

async function update(
  within: Change<Pick<Context, 'policies' | 'settings'>>,
  source: string,
  { to: row, from }: Changed,
): Promise<void> {
  const { tx, record } = within;
  const known = await tx.principal(row.id);
  const isItsOwn = known?.source === source || (from !== undefined && known?.source === from);
  if (!known || !isItsOwn || known.status === 'decommissioned' || (row.kind ?? known.kind) !== known.kind) return;
  const after = { ...withTold(known, row), source };
  await rewriteWithin(within, known, after);
  const words = changeWords(changesOf(known, after).filter(({ field }) => field !== 'source'));
  const whose = known.source === null ? 'taken over' : `taken over from source ${known.source}`;
  const taken = known.source === source ? [] : [whose];
  await record({
    action: 'device.changed',
    message: `${row.id}: ${[...taken, ...words].join(', ')}, by source ${source}`,
    principalId: row.id,
  });
}

async function end(
  within: Change<Pick<Context, 'policies'> & Revoking>,
  source: string,
  id: PrincipalId,
): Promise<void> {
  const known = await within.tx.principal(id);
  if (known?.source === source) await decommissionWithin(within, known, `by source ${source}`);
}
