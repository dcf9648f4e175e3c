// Lists who has to prove a root and did not, with what is left to do, a page at a time.
import { currentRoot, inState } from '../../domain/root-slots.ts';
import { unprovedStanding, unprovedStandings } from '../../domain/unproved.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import type { TrustPlace } from '../../ports/trust.ts';
import type { UnprovedPage, UnprovedView } from '../views/trust-roots.ts';
import { type ForeseeProofsContext, foreseeThese, type ProofAhead } from './foresee-proofs.ts';

/** The root that everybody has to prove now: for the next one to be activated, or the former one to be retired. Null: none. */
export function rootToProve(roots: readonly KeptRoot[]): KeptRoot | null {
  return inState(roots, 'next') ?? (inState(roots, 'former') && currentRoot(roots));
}

function viewOf(ahead: ProofAhead, root: number): UnprovedView {
  const { id, owner, site, kind, class: named, gateway, last, by, reason } = ahead;
  const standing = unprovedStanding(ahead, root);
  const left = unprovedStandings[standing];
  return { id, owner, site, kind, class: named, gateway, last, standing, left, by, late: reason };
}

/** The root by whose end the other one is to be proved. */
function rootBefore(roots: readonly KeptRoot[]): KeptRoot {
  return inState(roots, 'former') ?? currentRoot(roots);
}

/** @param after the place after which the page begins; null: the first. Reads `limit` rows, of which some may not have to prove it. */
export async function listUnproved(
  app: ForeseeProofsContext,
  after: { readonly last: number; readonly id: string } | null,
  limit: number,
): Promise<UnprovedPage> {
  const { read } = app.store;
  const roots = await read.rootSlots();
  const root = rootToProve(roots);
  if (!root) return { root: null, endsAt: null, principals: [], next: null };
  const { notAfter: endsAt } = rootBefore(roots);
  const rows = await read.unproved(root.number, after as TrustPlace | null, limit);
  const end = rows.length === limit ? rows.at(-1) : undefined;
  const query = { root: root.number, endsAt, toldFrom: root.distributedAt };
  const ahead = await foreseeThese(
    app,
    rows.filter(({ gates }) => gates),
    query,
  );
  return {
    root: root.number,
    endsAt,
    principals: ahead.map((each) => viewOf(each, root.number)),
    next: end ? { last: end.last, id: end.id } : null,
  };
}
