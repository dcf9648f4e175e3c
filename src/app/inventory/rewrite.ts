// What changing the record of a principal that is there takes: what it must fit, what follows from it, and how it is told.
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { Told } from '../../domain/reconcile.ts';
import type { Reader } from '../../ports/store.ts';
import type { Change } from '../change.ts';
import type { Context } from '../context.ts';
import { replanWithin } from '../renewal/due.ts';
import { fieldNames } from './check-principal.ts';

/** Principals that are entered together with a record. */
type Beside = ReadonlyMap<PrincipalId, { readonly told: Told }>;

/** A principal's gateway must exist, in the inventory or in the same file, and be one. */
export async function gatewayFault(
  read: Reader,
  { gateway }: Omit<Told, 'id'>,
  beside: Beside,
): Promise<string | null> {
  if (!gateway) return null;
  // A kind never changes: what is known comes first, since a row need not name it.
  const kind = (await read.principal(gateway))?.kind ?? kindIn(beside, gateway);
  if (kind === null) return `gateway: ${gateway} is not in the inventory`;
  return kind === 'gateway' ? null : `gateway: ${gateway} is a ${kind}`;
}

function kindIn(beside: Beside, id: PrincipalId): Principal['kind'] | null {
  const row = beside.get(id);
  return row ? (row.told.kind ?? 'device') : null;
}

/** Writes another record of a principal, with what follows from it. @returns false: it is the same; nothing was written. */
export async function rewriteWithin(
  within: Change<Pick<Context, 'policies' | 'settings'>>,
  before: Principal,
  after: Principal,
): Promise<boolean> {
  if (changesOf(before, after).length === 0) return false;
  await within.tx.putPrincipal(after);
  await replanWithin(within, before, after);
  if (after.owner !== before.owner) await within.handOver(after.id, after.owner);
  return true;
}

export interface FieldChange {
  /** As a record names it. */
  readonly field: string;
  readonly from: string;
  readonly to: string;
}

/** The fields that are not the same, in the order of a principal's; `none` for what there is not. */
export function changesOf(before: Principal, after: Principal): FieldChange[] {
  return (Object.keys(after) as (keyof Principal)[]).flatMap((name) => {
    const [from, to] = [wordsFor(before[name]), wordsFor(after[name])];
    return from === to ? [] : [{ field: fieldNames.get(name) ?? name, from, to }];
  });
}

function wordsFor(value: Principal[keyof Principal]): string {
  const text = Array.isArray(value) ? value.join('|') : String(value ?? '');
  return text === '' ? 'none' : text;
}

/** `owner carla -> anna`, for each. */
export function changeWords(changes: readonly FieldChange[]): string[] {
  return changes.map(({ field, from, to }) => `${field} ${from} -> ${to}`);
}
