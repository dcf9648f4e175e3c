// What a source would change in the inventory, worked out whole before anything is done: nobody else's devices, nothing that was
// decommissioned here, and nothing at all where a kind would change.
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import {
  type Changed,
  Comparison,
  type Difference,
  differing,
  lately,
  objectToLoss,
  type Told,
  withTold,
} from '../../domain/reconcile.ts';
import type { Context } from '../context.ts';
import { Faults } from '../faults.ts';
import { OperationError } from '../operation-error.ts';
import { afterId, pagesOf } from '../pages.ts';
import type { Objection } from '../renewal/decide.ts';
import { pacesOf, type Toll } from '../renewal/toll.ts';
import type { WeighContext } from '../renewal/weigh.ts';
import { beginWeighing, weighPrincipal } from '../renewal/weigh-principals.ts';
import type { WithTurns } from '../turns.ts';
import { Claims } from './claims.ts';
import { dependentsOf } from './cut-off.ts';
import { IdsByCase, twinFault } from './enter.ts';
import { type NamedSource, readSource } from './read-source.ts';
import { sourceLosses } from './source-state.ts';
import { unsourced } from './unsourced.ts';

export type PlanReconcileContext = WeighContext & Pick<Context, 'sessions'> & WithTurns;

/** The findings that a source makes, each under its name and that of the device. */
export const conflictKinds = ['not_of_source', 'decommissioned_here'] as const;

/** A device of the source that is left alone, and why. */
export interface Conflict {
  readonly kind: (typeof conflictKinds)[number];
  readonly id: PrincipalId;
  readonly detail: string;
}

export interface Plan extends Difference {
  readonly conflicts: readonly Conflict[];
  /** Devices that no source has. */
  readonly unsourced: readonly PrincipalId[];
  /** Certificates in use that it leaves too little time or no way to be replaced, and client ids of others that it takes. */
  readonly costs: { readonly short: number; readonly claimed: number };
  /** What speaks against it that somebody has to insist on. */
  readonly objections: readonly Objection[];
  /** Why nothing is to be changed: the guard's objection; null: none. */
  readonly objection: string | null;
}

/** Principals read before others have a turn. */
const pageRows = 500;

/** Whose devices become the source's that it has: those entered by hand, another source's. */
export interface TakeOver {
  readonly byHand: boolean;
  readonly from: string | null;
}

/** Reads the source and compares. Rejects with `invalid` and every fault of the source. */
export async function planReconcile(
  app: PlanReconcileContext,
  named: NamedSource,
  takeOver: TakeOver,
  signal: AbortSignal,
): Promise<Plan> {
  await objectToTakeOver(app, named.name, takeOver);
  const told = await readSource(app, named, signal);
  const comparison = new Comparison(told);
  for await (const principal of broughtBy(app, named.name)) comparison.take(principal);
  const { added: candidates, ...difference } = comparison.end();
  const known = difference.changed.length + difference.unchanged + difference.decommissioned.length;
  const { added, taken, conflicts } = await sortOut(app, named.name, candidates, takeOver);
  const beside = await unsourced(app, told);
  const changed = [...difference.changed, ...taken];
  const faults = new Faults();
  for (const { id, fields, to } of changed) {
    if (fields.includes('kind')) faults.add(0, `${id}: kind: it is no ${to.kind} here, and a kind cannot change`);
  }
  const entered = new IdsByCase();
  for (const { id } of added) {
    const twin = await twinFault(app.store.read, id, entered);
    if (twin) faults.add(0, twin);
  }
  if (faults.any)
    throw new OperationError(
      'invalid',
      faults.named(() => ''),
    );
  const losses = lately(await sourceLosses(app.store.read, named.name), app.clock.now());
  const earlier = losses.reduce((sum, { count }) => sum + count, 0);
  const objection = objectToLoss({ ...difference, added }, known, named.rules.missingShareMax, earlier);
  const toll = await weighChanges(app, changed);
  const claims = await weighAdded(app, added);
  const rows = new Map(changed.map(({ id, to }) => [id, to]));
  const dependents = await dependentsOf(app, difference.decommissioned, (principal) => {
    const row = rows.get(principal.id);
    return row ? withTold(principal, row) : principal;
  });
  const objections = [
    ...toll.objections(pacesOf(app.rates).mostPerDay),
    ...claims.objections(),
    ...dependents.objections,
  ];
  const costs = { short: toll.short + dependents.count, claimed: claims.count };
  return { ...difference, added, changed, conflicts, unsourced: beside, costs, objections, objection };
}

/** Devices weighed before others have a turn. */
const weighedRows = 100;

async function weighChanges(app: PlanReconcileContext, changed: readonly Changed[]): Promise<Toll> {
  const weighing = await beginWeighing(app);
  for (const [index, { id, to }] of changed.entries()) {
    if (index % weighedRows === 0) await app.turns.take();
    const known = await app.store.read.principal(id);
    if (known) await weighPrincipal(weighing, known, withTold(known, to), () => undefined);
  }
  return weighing.toll;
}

async function weighAdded(
  app: Pick<Context, 'store' | 'sessions'> & WithTurns,
  added: readonly Told[],
): Promise<Claims> {
  const claims = new Claims();
  for (const [index, { id }] of added.entries()) {
    if (index % weighedRows === 0) await app.turns.take();
    await claims.weigh(app, id);
  }
  return claims;
}

/** A name that is misspelt would take nothing over, and say nothing of it. */
async function objectToTakeOver(app: Pick<Context, 'store'>, name: string, { from }: TakeOver): Promise<void> {
  const objection = (text: string) => new OperationError('invalid', [`take-over-from: ${text}`]);
  if (from === null) return;
  if (from === name) throw objection('it is the source that is read');
  if ((await app.store.read.principals({ source: from }, { limit: 1 })).length > 0) return;
  throw objection(`nothing in the inventory is from source ${from.slice(0, 64)}`);
}

/** What this source brought and is not decommissioned. */
async function* broughtBy(app: Pick<Context, 'store'> & WithTurns, source: string): AsyncGenerator<Principal> {
  for (const status of ['active', 'quarantined']) {
    const next = (last: Principal | null) => {
      return app.store.read.principals({ source, status }, { limit: pageRows, ...afterId(last) });
    };
    for await (const page of pagesOf(pageRows, next)) {
      yield* page;
      await app.turns.take();
    }
  }
}

/** Are those the source has for itself really new? */
async function sortOut(
  app: Pick<Context, 'store'> & WithTurns,
  source: string,
  candidates: readonly Told[],
  takeOver: TakeOver,
) {
  const added: Told[] = [];
  const taken: Changed[] = [];
  const conflicts: Conflict[] = [];
  for (const [index, row] of candidates.entries()) {
    if (index % pageRows === 0) await app.turns.take();
    const principal = await app.store.read.principal(row.id);
    if (!principal) added.push(row);
    else if (isTaken(principal, takeOver)) {
      taken.push({ id: row.id, fields: ['source', ...differing(principal, row)], to: row, from: principal.source });
    } else conflicts.push(conflictWith(principal, source));
  }
  return { added, taken, conflicts };
}

function isTaken({ source, status }: Principal, { byHand, from }: TakeOver): boolean {
  return status !== 'decommissioned' && (source === null ? byHand : source === from);
}

function conflictWith({ id, status, source: from }: Principal, source: string): Conflict {
  if (status === 'decommissioned') {
    return { kind: 'decommissioned_here', id, detail: `decommissioned here, and in service in source ${source}` };
  }
  const origin = from === null ? 'entered by hand' : `from source ${from}`;
  return { kind: 'not_of_source', id, detail: `${origin}, and in source ${source} too: left as it is` };
}
