// What a file of devices does to the certificates in use, before it is written: what leaves some too little time, or empties a field that
// decides who is renewed and how for many devices at once, is refused unless somebody insists.
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { App } from '../context.ts';
import type { Insistence } from '../decision-views.ts';
import { OperationError } from '../operations.ts';
import { allow } from '../renewal/decide.ts';
import { beginWeighing, weighPrincipal } from '../renewal/weigh-principals.ts';

/** A file that lacks a column empties it for all of its devices: so many may be meant. */
const emptiedMax = 20;
const emptied = { class: 'default', site: null } as const;
/** Devices looked up before others have a turn. */
const turnRows = 100;

interface Rows {
  readonly principals: ReadonlyMap<PrincipalId, { readonly principal: Principal }>;
}

/** Rejects with `conflict`. */
export async function weighImport(app: App, { principals }: Rows, insistence: Insistence): Promise<void> {
  const weighing = await beginWeighing(app);
  const counts = { class: 0, site: 0 };
  let looked = 0;
  for (const { principal } of principals.values()) {
    const known = await app.store.read.principal(principal.id);
    if (known) {
      const after = { ...principal, status: known.status };
      await weighPrincipal(weighing, known, after, (id) => principals.get(id)?.principal);
      for (const name of ['class', 'site'] as const) {
        if (known[name] !== emptied[name] && after[name] === emptied[name]) counts[name] += 1;
      }
    }
    looked += 1;
    if (looked % turnRows === 0) await app.turns.take();
  }
  await allow(app, 'an import of devices', weighing.toll, insistence);
  for (const [name, count] of Object.entries(counts)) {
    if (count <= emptiedMax || insistence.force) continue;
    const what = `refused: it empties the field ${name} of ${count} devices that have one; is the column missing?`;
    throw new OperationError('conflict', [`${what} If that is right: --force --reason TEXT`]);
  }
}
