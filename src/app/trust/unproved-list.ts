// Lists who has to prove a root and did not, with what is left to do, a page at a time.
import { currentRoot, inState } from '../../domain/root-slots.ts';
import { unprovedStanding, unprovedStandings } from '../../domain/unproved.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import type { TrustPlace, UnderRoot } from '../../ports/trust.ts';
import type { Context } from '../context.ts';
import type { UnprovedPage, UnprovedView } from '../views/trust-roots.ts';

/** The root that everybody has to prove now: for the next one to be activated, or the former one to be retired. Null: none. */
export function rootToProve(roots: readonly KeptRoot[]): KeptRoot | null {
  return inState(roots, 'next') ?? (inState(roots, 'former') && currentRoot(roots));
}

function viewOf({ isStored, next, last, gates: _, ...who }: UnderRoot, root: number): UnprovedView {
  const standing = unprovedStanding({ last, next, isStored }, root);
  return { ...who, last, standing, left: unprovedStandings[standing] };
}

/** @param after the place after which the page begins; null: the first. Reads `limit` rows, of which some may not have to prove it. */
export async function listUnproved(
  { store: { read } }: Pick<Context, 'store'>,
  after: { readonly last: number; readonly id: string } | null,
  limit: number,
): Promise<UnprovedPage> {
  const root = rootToProve(await read.rootSlots());
  if (!root) return { root: null, principals: [], next: null };
  const rows = await read.unproved(root.number, after as TrustPlace | null, limit);
  const end = rows.length === limit ? rows.at(-1) : undefined;
  return {
    root: root.number,
    principals: rows.filter(({ gates }) => gates).map((row) => viewOf(row, root.number)),
    next: end ? { last: end.last, id: end.id } : null,
  };
}
