// What the ledger knows of a key: who holds it, since when, and whether a revocation speaks against it. Each answer is a search of an index,
// however often the key was certified.
import { sql } from 'kysely';
import type { Fingerprint } from '../../../domain/certificate.ts';
import { NolapseError } from '../../../domain/errors.ts';
import type { KeyRecord } from '../../../domain/key-mode.ts';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

/** Principals that are asked since when they hold a key that is shared. */
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

const unknown: KeyRecord = { since: null, holder: null, isShared: false, isTainted: false, isCompromised: false };

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
  const owner = queries.prepare((p: Parameter<{ key: Fingerprint }>) =>
    build
      .selectFrom('key_owner')
      .select(['principal_id as id', 'is_shared as isShared'])
      .where('key_fingerprint', '=', p('key')),
  );
  const claim = queries.prepare((p: Parameter<{ key: Fingerprint; id: PrincipalId }>) =>
    build
      .insertInto('key_owner')
      .values({ key_fingerprint: p('key'), principal_id: p('id') })
      .onConflict((conflict) => conflict.column('key_fingerprint').doNothing()),
  );
  const tainted = queries.prepare(tainting);
  const compromised = queries.prepare((p: Parameter<{ key: Fingerprint }>) =>
    tainting(p).where('revocation_reason', '=', sql.lit('keyCompromise')),
  );
  const sinceOfShared = (key: Fingerprint): Instant | null => {
    let since: Instant | null = null;
    let after = '';
    for (let holders = 0; holders < holdersMax; holders += 1) {
      const next = holder.get({ key, after });
      if (!next) break;
      since = Math.min(since ?? next.since, next.since);
      after = next.id;
    }
    return since;
  };
  return {
    keyRecord: (key: Fingerprint): KeyRecord => {
      const known = owner.get({ key });
      if (!known) return unknown;
      const isShared = known.isShared === 1;
      const since = isShared ? sinceOfShared(key) : (holder.get({ key, after: '' })?.since ?? null);
      const isTainted = since !== null && tainted.get({ key }) !== undefined;
      return {
        since,
        holder: isShared ? null : known.id,
        isShared,
        isTainted,
        isCompromised: isTainted && compromised.get({ key }) !== undefined,
      };
    },
    claimKey: (key: Fingerprint, id: PrincipalId): void => {
      if (claim.run({ key, id }) > 0) return;
      const known = owner.get({ key });
      if (known?.id !== id || known.isShared) throw new NolapseError('conflict', 'another principal holds this key');
    },
  };
}
