// What a new id in the inventory means for those that are there: it must not differ from one of them by case alone, and client ids
// it has the better claim to are not others' any more.
import { outerIds } from '../../domain/client-id.ts';
import { differsByCase, type Principal, type PrincipalId } from '../../domain/principal.ts';
import type { Reader } from '../../ports/store.ts';
import type { Change } from '../change.ts';

/** Why this id cannot enter the inventory: one that is the same but for case is there, or among the ids entered with it. Null: it can. */
export async function twinFault(read: Reader, id: PrincipalId, beside: IdsByCase): Promise<string | null> {
  const twin = beside.twinOf(id) ?? (await read.caseTwin(id));
  return twin ? `id: ${id} differs from ${twin} by case alone` : null;
}

/** Ids entered together, found whatever their case. */
export class IdsByCase {
  readonly #ids = new Map<string, PrincipalId>();

  /** The first that came which differs from this id by case alone; this one is remembered. */
  twinOf(id: PrincipalId): PrincipalId | null {
    const folded = id.toLowerCase();
    const first = this.#ids.get(folded);
    if (first === undefined) this.#ids.set(folded, id);
    return first !== undefined && differsByCase(first, id) ? first : null;
  }
}

/**
 * Puts a new principal into the inventory. Once that is committed, sessions of others under client ids that are the new one's
 * now are ended, and what is stored of such is forgotten: nobody can come back to them. The journal of those others says so.
 */
export async function enterWithin({ tx, record }: Change, principal: Principal): Promise<void> {
  await tx.putPrincipal(principal);
  const { id } = principal;
  for (const outer of outerIds(id)) {
    if (!(await tx.principal(outer))) continue;
    await tx.enqueue({ kind: 'close-principal', principalId: id, reason: 'client_id_taken', only: 'claimed' });
    // Whoever renews under such a client id would find out only when it is refused.
    const message = `${outer} is refused under the client id ${id}, and under ${id}:..., from now on: they belong to ${id}`;
    await record({ action: 'device.changed', level: 'warn', message, principalId: outer });
  }
}
