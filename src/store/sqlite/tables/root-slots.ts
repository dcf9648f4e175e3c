// The slots of roots. There are few, and few of them change.
import { sql } from 'kysely';
import { type KeptRoot, keptRootsMax } from '../../../ports/root-slots.ts';
import { bytesOf, type Parameter, type Queries } from '../query.ts';
import { build } from './schema.ts';

const columns = [
  'number',
  'state',
  'fingerprint',
  'not_before as notBefore',
  'not_after as notAfter',
  'prepared_at as preparedAt',
  'distributed_at as distributedAt',
  'activated_at as activatedAt',
  'ended_at as endedAt',
  'port',
  'sequence',
  'backup_at as backupAt',
] as const;

function preparePut(queries: Queries) {
  return queries.prepare((p: Parameter<KeptRoot & { readonly step: Uint8Array | null }>) => {
    const changing = {
      state: p('state'),
      distributed_at: p('distributedAt'),
      activated_at: p('activatedAt'),
      ended_at: p('endedAt'),
      backup_at: p('backupAt'),
    };
    return build
      .insertInto('root_slot')
      .values({
        number: p('number'),
        fingerprint: p('fingerprint'),
        not_before: p('notBefore'),
        not_after: p('notAfter'),
        prepared_at: p('preparedAt'),
        port: p('port'),
        sequence: p('sequence'),
        step: p('step'),
        ...changing,
      })
      .onConflict((conflict) => conflict.column('number').doUpdateSet(changing));
  });
}

export function rootSlots(queries: Queries) {
  const all = queries.prepare(() =>
    build
      .selectFrom('root_slot')
      .select(columns)
      .where('number', '>', sql.lit(0))
      .orderBy('number')
      .limit(sql.lit(keptRootsMax)),
  );
  const step = queries.prepare((p: Parameter<{ number: number }>) =>
    build.selectFrom('root_slot').select('step').where('number', '=', p('number')),
  );
  const put = preparePut(queries);
  const forgetFirst = queries.prepare(() => build.deleteFrom('root_slot').where('number', '=', sql.lit(1)));
  return {
    rootSlots: (): KeptRoot[] => all.all({}),
    rootStep: (number: number): Uint8Array | null => {
      const found = step.get({ number })?.step;
      return found ? bytesOf(found) : null;
    },
    forgetFirstRootSlot: (): void => void forgetFirst.run({}),
    putRootSlot: (slot: KeptRoot, bytes: Uint8Array | null): void => void put.run({ ...slot, step: bytes }),
  };
}
