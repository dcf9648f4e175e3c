// What a forecast reads: certificates in use in the order of their ends, each with its device and how that comes, in one query, a
// page at a time.
import { sql } from 'kysely';
import type { LedgerEntry } from '../../../domain/certificate.ts';
import type { GapRecord } from '../../../domain/presence.ts';
import type { Principal, PrincipalId, PrincipalStatus } from '../../../domain/principal.ts';
import { refusedOften } from '../../../domain/refusal.ts';
import type { RenewalState } from '../../../domain/renewal.ts';
import type { Instant } from '../../../domain/time.ts';
import type { Horizon, HorizonPlace } from '../../../ports/fleet.ts';
import type { Outlook, OutlookPlace } from '../../../ports/outlooks.ts';
import { bytesOf, type Parameter, type Queries } from '../query.ts';
import { splitModes } from './inventory.ts';
import { build } from './schema.ts';

type Certificate = Outlook['certificate'];
type Row = Certificate &
  Omit<Principal, 'id' | 'modes'> & {
    readonly row: number;
    readonly modes: string;
    readonly gatewayStatus: PrincipalStatus | null;
    readonly gatewayLitUntil: Instant | null;
    readonly gaps: GapRecord | null;
    readonly cameAt: Instant | null;
    readonly leftAt: Instant | null;
    readonly renewal: string | null;
    readonly renewalState: RenewalState | null;
    readonly lastCode: string | null;
    readonly refused: string | null;
    readonly via: PrincipalId | null;
    readonly signed: 0 | 1 | null;
  };

const certificateColumns = [
  'c.id as row',
  'c.state',
  'c.fingerprint',
  'c.serial',
  'c.principal_id as principalId',
  'c.not_before as notBefore',
  'c.not_after as notAfter',
  'c.key_fingerprint as keyFingerprint',
  'c.issuer',
  'c.renewal_id as renewalId',
  'c.issued_at as issuedAt',
  'c.activated_at as activatedAt',
  'c.last_seen_at as lastSeenAt',
  'c.renew_at as renewAt',
  'c.overlap_until as overlapUntil',
  'c.revoked_at as revokedAt',
  'c.revocation_reason as revocationReason',
] as const;

const principalColumns = [
  'p.kind',
  'p.status',
  'p.owner',
  'p.class',
  'p.criticality',
  'p.site',
  'p.gateway',
  'p.encoding',
  'p.modes',
  'p.packet_bytes_max as packetBytesMax',
  'p.slots',
  'p.cohort',
  'p.source',
] as const;

/** Certificates, each with its device, how that comes, and the renewal that is open for it. */
const joined = build
  .selectFrom('certificate as c')
  .innerJoin('principal as p', 'p.id', 'c.principal_id')
  .leftJoin('principal as g', 'g.id', 'p.gateway')
  .leftJoin('presence as s', 's.principal_id', 'p.id')
  .leftJoin('renewal as b', 'b.id', 'c.renewal_id')
  .leftJoin('renewal as r', (join) =>
    join
      .onRef('r.old_fingerprint', '=', 'c.fingerprint')
      // Literals, because a partial index answers only to the condition it was made with. Activated, it is not open any more.
      .on('r.ended', '=', sql.lit(0))
      .on('r.state', '!=', sql.lit('activated')),
  )
  .select([...certificateColumns, ...principalColumns])
  .select([
    'g.status as gatewayStatus',
    'g.lit_until as gatewayLitUntil',
    's.gaps',
    's.came_at as cameAt',
    's.left_at as leftAt',
  ])
  .select(['r.id as renewal', 'r.state as renewalState', 'r.last_code as lastCode', 'b.signed'])
  .select(({ fn }) => fn.coalesce('b.via', 'c.activated_via').as('via'))
  .select((eb) =>
    eb
      .selectFrom('refusal as f')
      .select('f.renewal_id')
      .whereRef('f.renewal_id', '=', 'r.id')
      .where('f.over_at', 'is', sql.lit(null))
      .where('f.times', '>=', sql.lit(refusedOften))
      .limit(sql.lit(1))
      .as('refused'),
  );

const rows = joined.where('c.state', '=', sql.lit('active'));

/** Certificates in use of one principal: more than one is an import or a drill. */
const ownMax = 100;

function certificateOf(row: Row): Omit<LedgerEntry, 'der'> {
  const { state, fingerprint, serial, principalId, notBefore, notAfter, keyFingerprint, issuer, renewalId, issuedAt } =
    row;
  const { activatedAt, lastSeenAt, renewAt, overlapUntil, revokedAt, revocationReason } = row;
  const origin = { fingerprint, serial, principalId, notBefore, notAfter, keyFingerprint, issuer, renewalId, issuedAt };
  return { ...origin, state, activatedAt, lastSeenAt, renewAt, overlapUntil, revokedAt, revocationReason };
}

function principalOf(row: Row): Principal {
  const { principalId: id, kind, status, owner, class: className, criticality, site, gateway, encoding } = row;
  const { packetBytesMax, slots, cohort, source } = row;
  const told = { encoding, modes: splitModes(row.modes), packetBytesMax, slots, cohort, source };
  return { id, kind, status, owner, class: className, criticality, site, gateway, ...told };
}

function outlookOf(row: Row): Outlook {
  const { gaps, cameAt, leftAt, renewal, renewalState, lastCode, refused } = row;
  return {
    certificate: certificateOf(row),
    principal: principalOf(row),
    standsBehind: row.gatewayStatus === null ? null : { status: row.gatewayStatus, litUntil: row.gatewayLitUntil },
    via: row.via,
    signed: row.signed === 1,
    visits: gaps !== null && cameAt !== null ? { gaps: bytesOf(gaps), cameAt, leftAt } : null,
    renewal:
      renewal !== null && renewalState !== null
        ? { id: renewal, state: renewalState, lastCode, ...(refused !== null && { isRefused: true as const }) }
        : null,
    place: { endsAt: row.notAfter, row: row.row },
  };
}

/** The certificate that lets a principal in for longest: one that was seen in use, if there is any. */
const last = sql<number>`coalesce(${newest(0, sql`AND state = 'active'`)}, ${newest(0)}, ${newest(1)})`;

/** @param isUnused 1: among those that were never seen in use; 0: among those that were. */
function newest(isUnused: 0 | 1, more = sql``) {
  return sql`(
    SELECT max(id) FROM certificate
    WHERE principal_id = p.id AND (activated_at IS NULL) = ${sql.lit(isUnused)} AND lights_until = p.lit_until ${more}
  )`;
}

/** By the end of what lets each principal in, decommissioned ones left out. */
export function horizons(queries: Queries) {
  const page = queries.prepare((p: Parameter<HorizonPlace & { until: Instant; limit: number }>) =>
    joined
      .select('p.lit_until as litUntil')
      .where('p.status', '<>', sql.lit('decommissioned'))
      .where(sql<boolean>`(p.lit_until, p.id) > (${p('litUntil')}, ${p('id')})`)
      .where('p.lit_until', '<=', p('until'))
      .where('c.id', '=', last)
      .orderBy('p.lit_until')
      .orderBy('p.id')
      .limit(p('limit'))
      .$castTo<Row & { litUntil: Instant }>(),
  );
  const own = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    joined
      .select('p.lit_until as litUntil')
      .where('p.id', '=', p('id'))
      .where('c.id', '=', last)
      .$castTo<Row & { litUntil: Instant }>(),
  );
  const horizonOf = (row: Row & { litUntil: Instant }): Horizon => ({ ...outlookOf(row), litUntil: row.litUntil });
  return {
    horizons: (until: Instant, after: HorizonPlace | null, limit: number): Horizon[] =>
      page.all({ ...(after ?? beforeAll), until, limit }).map(horizonOf),
    horizonOf: (id: PrincipalId): Horizon | null => {
      const row = own.get({ id });
      return row ? horizonOf(row) : null;
    },
  };
}

/** Before every principal that had a certificate. */
const beforeAll: HorizonPlace = { litUntil: -1, id: '' as PrincipalId };

export function outlooks(queries: Queries) {
  // Apart, so that the index is entered at the very row: a fleet issued in one go ends in one second.
  const same = queries.prepare((p: Parameter<OutlookPlace & { limit: number }>) =>
    rows
      .where('c.ends_at', '=', p('endsAt'))
      .where('c.id', '>', p('row'))
      .orderBy('c.id')
      .limit(p('limit'))
      .$castTo<Row>(),
  );
  const later = queries.prepare((p: Parameter<{ after: Instant; until: Instant; limit: number }>) =>
    rows
      .where('c.ends_at', '>', p('after'))
      .where('c.ends_at', '<=', p('until'))
      .orderBy('c.ends_at')
      .orderBy('c.id')
      .limit(p('limit'))
      .$castTo<Row>(),
  );
  const own = queries.prepare((p: Parameter<{ id: PrincipalId; limit: number }>) =>
    rows.where('c.principal_id', '=', p('id')).limit(p('limit')).$castTo<Row>(),
  );
  return {
    outlooksOf: (id: PrincipalId): Outlook[] => own.all({ id, limit: ownMax }).map(outlookOf),
    outlooks: (until: Instant, after: OutlookPlace | null, limit: number): Outlook[] => {
      const first = after && after.endsAt <= until ? same.all({ ...after, limit }) : [];
      const rest = limit - first.length;
      const more = rest > 0 ? later.all({ after: after?.endsAt ?? -1, until, limit: rest }) : [];
      return [...first, ...more].map(outlookOf);
    },
  };
}
