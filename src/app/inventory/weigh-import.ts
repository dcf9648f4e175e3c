// What other records of devices do, before they are written: what leaves certificates in use too little time, takes client ids that others
// use, leaves nobody to be told, or empties a field that decides who is renewed and how for many devices at once, is refused unless
// somebody insists.
import { counted } from '../../domain/counted.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import { blank, type Told, withTold } from '../../domain/reconcile.ts';
import type { Changing } from '../change.ts';
import type { Context } from '../context.ts';
import { allow, type Decided, type Objection } from '../renewal/decide.ts';
import { pacesOf } from '../renewal/toll.ts';
import type { WeighContext } from '../renewal/weigh.ts';
import { beginWeighing, weighPrincipal } from '../renewal/weigh-principals.ts';
import type { WithTurns } from '../turns.ts';
import type { Dryable, Insistence } from '../views/decisions.ts';
import { Claims } from './claims.ts';

export type WeighImportContext = WeighContext & Changing & Pick<Context, 'sessions'> & WithTurns;

/** So many devices may be meant that lose their class or site. */
const emptiedMax = 20;
/** Devices looked up before others have a turn. */
const turnRows = 100;

interface Records extends Decided {
  readonly rows: ReadonlyMap<PrincipalId, { readonly told: Told }>;
}

/** How many lose what stands in a field. */
type Emptied = Record<'owner' | 'class' | 'site', number>;

/** Rejects with `conflict`. */
export async function weighRecords(
  app: WeighImportContext,
  { rows, ...decided }: Records,
  insistence: Insistence & Dryable,
): Promise<void> {
  const weighing = await beginWeighing(app);
  const claims = new Claims();
  const counts: Emptied = { owner: 0, class: 0, site: 0 };
  let looked = 0;
  for (const { told } of rows.values()) {
    const known = await app.store.read.principal(told.id);
    if (known) {
      const after = withTold(known, told);
      await weighPrincipal(weighing, known, after, (id) => entered(rows, id));
      for (const name of ['owner', 'class', 'site'] as const) {
        if (known[name] !== blank[name] && after[name] === blank[name]) counts[name] += 1;
      }
    } else await claims.weigh(app, told.id);
    looked += 1;
    if (looked % turnRows === 0) await app.turns.take();
  }
  const { mostPerDay } = pacesOf(app.rates);
  const objections = [...weighing.toll.objections(mostPerDay), ...claims.objections(), ...emptyings(counts)];
  await allow(app, decided, objections, insistence);
}

function entered(rows: Records['rows'], id: PrincipalId): Principal | undefined {
  const row = rows.get(id);
  return row && withTold({ ...blank, id, source: null }, row.told);
}

function emptyings({ owner, ...others }: Emptied): Objection[] {
  const ownerless: Objection[] =
    owner > 0
      ? [
          {
            count: owner,
            sentence: `${counted(owner, 'device')} would have no owner, and nobody would be told of alerts`,
            named: [],
          },
        ]
      : [];
  const emptied = Object.entries(others).flatMap(([name, count]) => {
    if (count <= emptiedMax) return [];
    const sentence = `the field ${name} of ${counted(count, 'device')} would be emptied; a file without that column leaves it as it is`;
    return [{ count, sentence, named: [] }];
  });
  return [...ownerless, ...emptied];
}
