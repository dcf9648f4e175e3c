// What a look over the fleet reads: the certificates that may still open a session and when devices were last heard, of a stretch
// of the inventory at a time, without the certificates' bytes.
import { sql } from 'kysely';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import type { SurveyedCertificate } from '../../../ports/ledger.ts';
import type { Parameter, Queries } from '../query.ts';
import { held } from './held.ts';
import { build } from './schema.ts';

interface Stretch {
  readonly first: PrincipalId;
  readonly last: PrincipalId;
}

/** Apart on either side: what its own principal was ever given over this key is passed by. */
const sharedWith = (side: '<' | '>') =>
  sql<PrincipalId | null>`(
    SELECT o.principal_id FROM certificate AS o
    WHERE o.key_fingerprint = c.key_fingerprint AND o.principal_id ${sql.raw(side)} c.principal_id AND o.ends_at IS NOT NULL LIMIT 1
  )`;

export function surveys(queries: Queries) {
  const certificates = queries.prepare((p: Parameter<Stretch>) =>
    build
      .selectFrom('certificate as c')
      .select([
        'c.fingerprint',
        'c.serial',
        'c.principal_id as principalId',
        'c.state',
        'c.not_before as notBefore',
        'c.not_after as notAfter',
        'c.renewal_id as renewalId',
        'c.issued_at as issuedAt',
        'c.activated_at as activatedAt',
        'c.last_seen_at as lastSeenAt',
        'c.renew_at as renewAt',
        'c.overlap_until as overlapUntil',
        'c.revoked_at as revokedAt',
      ])
      .select(({ fn }) => fn.coalesce(sharedWith('<'), sharedWith('>')).as('sharedWith'))
      .select((eb) =>
        eb
          .selectFrom('renewal as r')
          .select('r.updated_at')
          .whereRef('r.id', '=', 'c.renewal_id')
          .where('r.state', '=', sql.lit('installed'))
          .where('c.state', '=', sql.lit('issued'))
          .as('installedAt'),
      )
      .where('c.principal_id', '>=', p('first'))
      .where('c.principal_id', '<=', p('last'))
      .where(held('c'))
      .orderBy('c.principal_id')
      .orderBy('c.issued_at')
      .$castTo<SurveyedCertificate>(),
  );
  const contacts = queries.prepare((p: Parameter<Stretch>) =>
    build
      .selectFrom('contact')
      .select(['principal_id as principalId', 'last_seen_at as lastSeenAt'])
      .where('principal_id', '>=', p('first'))
      .where('principal_id', '<=', p('last'))
      .where('last_seen_at', 'is not', null)
      .$castTo<{ principalId: PrincipalId; lastSeenAt: Instant }>(),
  );
  return {
    certificatesInUse: (first: PrincipalId, last: PrincipalId): SurveyedCertificate[] =>
      certificates.all({ first, last }),
    lastSeen: (first: PrincipalId, last: PrincipalId): Map<PrincipalId, Instant> =>
      new Map(contacts.all({ first, last }).map(({ principalId, lastSeenAt }) => [principalId, lastSeenAt])),
  };
}
