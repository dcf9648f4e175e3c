// What a file of devices does, before it is written: what leaves certificates in use too little time, takes client ids that others use, or
// empties a field that decides who is renewed and how for many devices at once, is refused unless somebody insists.
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { App } from '../context.ts';
import type { Insistence } from '../decision-views.ts';
import { allow, type Objection } from '../renewal/decide.ts';
import { pacesOf } from '../renewal/toll.ts';
import { beginWeighing, weighPrincipal } from '../renewal/weigh-principals.ts';
import { Claims } from './claims.ts';

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
  const claims = new Claims();
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
    } else await claims.weigh(app, principal.id);
    looked += 1;
    if (looked % turnRows === 0) await app.turns.take();
  }
  const { mostPerDay } = pacesOf(app.rates);
  const objections = [...weighing.toll.objections(mostPerDay), ...claims.objections(), ...emptyings(counts)];
  await allow(app, 'an import of devices', objections, insistence);
}

function emptyings(counts: Readonly<Record<string, number>>): Objection[] {
  return Object.entries(counts).flatMap(([name, count]) => {
    if (count <= emptiedMax) return [];
    const sentence = `it empties the field ${name} of ${count} devices that have one; is the column missing?`;
    return [{ count, sentence, named: [] }];
  });
}
