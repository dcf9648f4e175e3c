// What the ledger knows of a key: who holds it, since when, and whether a revocation speaks against it. Each answer is a search of an index,
// however often the key was certified.
import { sql } from 'kysely';
import type { Fingerprint } from '../../../domain/certificate.ts';
import type { KeyRecord } from '../../../domain/key-mode.ts';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

/** Principals that are asked since when they hold a key: what more of them share counts as shared, and since when the first held it. */
const holdersMax = 256;

/** One whose revocation speaks against its key, in the words of the index that finds it. */
function tainting(p: Parameter<{ key: Fingerprint }>) {
  return build
    .selectFrom('certificate')
    .select('id')
    .where('key_fingerprint', '=', p('key'))
    .where('revocation_reason', 'is not', sql.lit(null))
    .where('revocation_reason', '<>', sql.lit('superseded'))
    .limit(sql.lit(1));
}

export function keys(queries: Queries) {
  const holder = queries.prepare((p: Parameter<{ key: Fingerprint; after: string }>) =>
    build
      .selectFrom('certificate')
      .select(['principal_id as id', 'issued_at as since'])
      .where('key_fingerprint', '=', p('key'))
      .where(sql<boolean>`"principal_id" > ${p('after')}`)
      .orderBy('principal_id')
      .orderBy('issued_at')
      .limit(sql.lit(1)),
  );
  const tainted = queries.prepare(tainting);
  const compromised = queries.prepare((p: Parameter<{ key: Fingerprint }>) =>
    tainting(p).where('revocation_reason', '=', sql.lit('keyCompromise')),
  );
  return {
    keyRecord: (key: Fingerprint): KeyRecord => {
      const holders: { id: PrincipalId; since: Instant }[] = [];
      let after = '';
      while (holders.length < holdersMax) {
        const next = holder.get({ key, after });
        if (!next) break;
        holders.push(next);
        after = next.id;
      }
      return {
        since: holders.length > 0 ? Math.min(...holders.map(({ since }) => since)) : null,
        holder: holders.length === 1 ? (holders[0]?.id ?? null) : null,
        isShared: holders.length > 1,
        isTainted: tainted.get({ key }) !== undefined,
        isCompromised: compromised.get({ key }) !== undefined,
      };
    },
  };
}
