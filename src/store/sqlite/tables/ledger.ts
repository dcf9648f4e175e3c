// Every certificate known. Sweeps read partial indexes that hold only the certificates with a date to meet.
import { sql } from 'kysely';
import type { Fingerprint, LedgerEntry, Serial } from '../../../domain/certificate.ts';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import type { Page } from '../../../ports/page.ts';
import { Differing } from '../differing.ts';
import { bytesOf, type Parameter, type Queries } from '../query.ts';
import { held } from './held.ts';
import { build } from './schema.ts';

const columns = [
  'fingerprint',
  'serial',
  'principal_id as principalId',
  'state',
  'not_before as notBefore',
  'not_after as notAfter',
  'key_fingerprint as keyFingerprint',
  'issuer',
  'der',
  'renewal_id as renewalId',
  'issued_at as issuedAt',
  'activated_at as activatedAt',
  'last_seen_at as lastSeenAt',
  'renew_at as renewAt',
  'overlap_until as overlapUntil',
  'revoked_at as revokedAt',
  'revocation_reason as revocationReason',
] as const;

const entryOf = (row: LedgerEntry): LedgerEntry => ({ ...row, der: bytesOf(row.der) });
const foundOf = (row: LedgerEntry | undefined): LedgerEntry | null => (row ? entryOf(row) : null);

/** After this place, the newest first. */
type OfPrincipal = { id: PrincipalId; issuedAt: Instant; row: number; limit: number };

/** After this place, in the order of principals, of each the oldest first. */
type OfKey = { key: Fingerprint; id: PrincipalId; issuedAt: Instant; row: number; limit: number };

const newest = (p: Parameter<{ id: PrincipalId; limit: number }>) =>
  build
    .selectFrom('certificate')
    .select(columns)
    .where('principal_id', '=', p('id'))
    .orderBy('issued_at', 'desc')
    .orderBy('id', 'desc')
    .limit(p('limit'));

const newestOf = (p: Parameter<OfPrincipal>) =>
  newest(p).where(sql<boolean>`("issued_at", "id") < (${p('issuedAt')}, ${p('row')})`);

/** Before the newest of all. */
const first: Omit<OfPrincipal, 'id' | 'limit'> = { issuedAt: Number.MAX_SAFE_INTEGER, row: Number.MAX_SAFE_INTEGER };
/** Before the first of a key's. */
const firstOfKey: Omit<OfKey, 'key' | 'limit'> = { id: '' as PrincipalId, issuedAt: 0, row: 0 };

function prepareHeld(queries: Queries) {
  return {
    heldOf: queries.prepare((p: Parameter<OfPrincipal>) => newestOf(p).where(held('certificate'))),
    heldAfter: queries.prepare((p: Parameter<{ id: PrincipalId; after: Fingerprint; limit: number }>) =>
      newest(p)
        .where(
          sql<boolean>`("issued_at", "id") < (SELECT "issued_at", "id" FROM "certificate" WHERE "fingerprint" = ${p('after')})`,
        )
        .where(held('certificate')),
    ),
  };
}

function prepareReads(queries: Queries) {
  const entries = build.selectFrom('certificate').select(columns);
  return {
    ...prepareHeld(queries),
    byFingerprint: queries.prepare((p: Parameter<{ fingerprint: Fingerprint }>) =>
      entries.where('fingerprint', '=', p('fingerprint')),
    ),
    bySerial: queries.prepare((p: Parameter<{ serial: Serial }>) => entries.where('serial', '=', p('serial'))),
    // By a range of either index: 'g' comes after every digit, and after the '@' of another CA's serial.
    beginning: queries.prepare((p: Parameter<{ from: string; to: string; limit: number }>) =>
      entries
        .where(({ eb, or, and }) => {
          const within = (column: 'fingerprint' | 'serial') =>
            and([eb(sql.ref<string>(column), '>=', p('from')), eb(sql.ref<string>(column), '<', p('to'))]);
          return or([within('fingerprint'), within('serial')]);
        })
        .limit(p('limit')),
    ),
    byKey: queries.prepare((p: Parameter<{ key: Fingerprint; limit: number }>) =>
      entries.where('key_fingerprint', '=', p('key')).limit(p('limit')),
    ),
    heldByKey: queries.prepare((p: Parameter<OfKey>) =>
      entries
        .where('key_fingerprint', '=', p('key'))
        .where(sql<boolean>`("principal_id", "issued_at", "id") > (${p('id')}, ${p('issuedAt')}, ${p('row')})`)
        .where(held('certificate'))
        .orderBy('principal_id')
        .orderBy('issued_at')
        .orderBy('id')
        .limit(p('limit')),
    ),
    place: queries.prepare((p: Parameter<{ fingerprint: Fingerprint }>) =>
      build
        .selectFrom('certificate')
        .select(['principal_id as id', 'issued_at as issuedAt', 'id as row'])
        .where('fingerprint', '=', p('fingerprint')),
    ),
    ofPrincipal: queries.prepare((p: Parameter<OfPrincipal>) => newestOf(p)),
    seenOf: queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
      build
        .selectFrom('certificate')
        .select('id')
        .where('principal_id', '=', p('id'))
        .where(sql`(activated_at IS NULL)`, '=', sql.lit(0))
        // In the order of the one index that finds them alone.
        .orderBy('lights_until')
        .limit(sql.lit(1)),
    ),
    page: queries.prepare((p: Parameter<{ after: Fingerprint; limit: number }>) =>
      entries.where('fingerprint', '>', p('after')).orderBy('fingerprint').limit(p('limit')),
    ),
    // The inner queries read the index alone: only the rows that are returned are fetched, however many are due.
    due: queries.prepare((p: Parameter<{ now: Instant; limit: number }>) =>
      entries
        .where('id', 'in', (eb) =>
          eb
            .selectFrom('certificate')
            .select('id')
            .where('state', '=', sql.lit('active'))
            .where('renew_at', '<=', p('now'))
            .orderBy('not_after')
            .limit(p('limit')),
        )
        .orderBy('not_after'),
    ),
    ended: queries.prepare((p: Parameter<{ now: Instant; limit: number }>) =>
      entries.where('ends_at', '<=', p('now')).orderBy('ends_at').limit(p('limit')),
    ),
  };
}

/** What the bytes of a certificate say, and where it came from: it never changes. */
const origin = (p: Parameter<LedgerEntry>) => ({
  serial: p('serial'),
  principal_id: p('principalId'),
  not_before: p('notBefore'),
  not_after: p('notAfter'),
  key_fingerprint: p('keyFingerprint'),
  issuer: p('issuer'),
  der: p('der'),
  renewal_id: p('renewalId'),
  issued_at: p('issuedAt'),
});

const progress = {
  state: 'state',
  activatedAt: 'activated_at',
  lastSeenAt: 'last_seen_at',
  renewAt: 'renew_at',
  overlapUntil: 'overlap_until',
  revokedAt: 'revoked_at',
  revocationReason: 'revocation_reason',
} as const;
type Progress = keyof typeof progress;
const progressing = Object.keys(progress) as Progress[];

const setting = (p: Parameter<LedgerEntry>, names: readonly Progress[]) =>
  Object.fromEntries(names.map((name) => [progress[name], p(name)]));

const isSameCertificate = (one: LedgerEntry, other: LedgerEntry): boolean =>
  one.serial === other.serial &&
  one.principalId === other.principalId &&
  one.notBefore === other.notBefore &&
  one.notAfter === other.notAfter &&
  one.keyFingerprint === other.keyFingerprint &&
  one.issuer === other.issuer &&
  one.renewalId === other.renewalId &&
  one.issuedAt === other.issuedAt &&
  (one.der === other.der || Buffer.compare(one.der, other.der) === 0);

/** Most puts only advance a certificate: the indexes on what stays the same are then left alone. */
function preparePut(queries: Queries) {
  const advance = new Differing<LedgerEntry>(queries, progressing, (p, names) =>
    build
      .updateTable('certificate')
      .set(setting(p, names as Progress[]))
      .where('fingerprint', '=', p('fingerprint')),
  );
  const factsOf = (p: Parameter<LedgerEntry>) => ({ ...origin(p), ...setting(p, progressing) });
  const insert = (p: Parameter<LedgerEntry>) =>
    build.insertInto('certificate').values({ fingerprint: p('fingerprint'), ...factsOf(p) } as never);
  const replace = queries.prepare((p: Parameter<LedgerEntry>) =>
    insert(p).onConflict((conflict) => conflict.column('fingerprint').doUpdateSet(factsOf(p))),
  );
  const add = queries.prepare((p: Parameter<LedgerEntry>) =>
    insert(p).onConflict((conflict) => conflict.column('fingerprint').doNothing()),
  );
  return {
    /** @returns false, and nothing is written, where one is stored under the fingerprint. */
    addCertificate: (entry: LedgerEntry): boolean => add.run(entry) > 0,
    /** @param held what is stored under the fingerprint now; null: nothing. */
    putCertificate: (entry: LedgerEntry, held: LedgerEntry | null): void => {
      if (held && isSameCertificate(held, entry)) advance.run(held, entry);
      else replace.run(entry);
    },
  };
}

export function ledger(queries: Queries) {
  const read = prepareReads(queries);
  const put = preparePut(queries);
  const seen = queries.prepare((p: Parameter<{ fingerprint: Fingerprint; at: Instant }>) =>
    build
      .updateTable('certificate')
      .set({ last_seen_at: p('at') })
      .where('fingerprint', '=', p('fingerprint')),
  );
  const through = queries.prepare((p: Parameter<{ fingerprint: Fingerprint; via: PrincipalId }>) =>
    build
      .updateTable('certificate')
      .set({ activated_via: p('via') })
      .where('fingerprint', '=', p('fingerprint')),
  );
  const placeAfter = ({ after }: Page) =>
    after === undefined ? undefined : read.place.get({ fingerprint: after as Fingerprint });
  const placeOf = (page: Page) => {
    const { issuedAt, row } = placeAfter(page) ?? first;
    return { issuedAt, row };
  };
  const heldCertificates = (id: PrincipalId, page: Page): LedgerEntry[] => {
    const { after, limit } = page;
    if (after !== undefined) {
      const older = read.heldAfter.all({ id, after: after as Fingerprint, limit });
      if (older.length > 0 || placeAfter(page)) return older.map(entryOf);
    }
    return read.heldOf.all({ id, ...first, limit }).map(entryOf);
  };
  return {
    noteActivatedThrough: (fingerprint: Fingerprint, via: PrincipalId): void => void through.run({ fingerprint, via }),
    certificate: (fingerprint: Fingerprint): LedgerEntry | null => foundOf(read.byFingerprint.get({ fingerprint })),
    certificateBySerial: (serial: Serial): LedgerEntry | null => foundOf(read.bySerial.get({ serial })),
    certificatesBeginning: (digits: string, limit: number): LedgerEntry[] =>
      read.beginning.all({ from: digits, to: `${digits}g`, limit }).map(entryOf),
    certificatesOf: (id: PrincipalId, page: Page): LedgerEntry[] =>
      read.ofPrincipal.all({ id, ...placeOf(page), limit: page.limit }).map(entryOf),
    heldCertificates,
    wasSeen: (id: PrincipalId): boolean => read.seenOf.get({ id }) !== undefined,
    certificates: ({ after, limit }: Page): LedgerEntry[] =>
      read.page.all({ after: (after ?? '') as Fingerprint, limit }).map(entryOf),
    certificatesByKey: (key: Fingerprint, limit: number): LedgerEntry[] => read.byKey.all({ key, limit }).map(entryOf),
    heldByKey: (key: Fingerprint, page: Page): LedgerEntry[] =>
      read.heldByKey.all({ key, ...(placeAfter(page) ?? firstOfKey), limit: page.limit }).map(entryOf),
    dueCertificates: (now: Instant, limit: number): LedgerEntry[] => read.due.all({ now, limit }).map(entryOf),
    endedCertificates: (now: Instant, limit: number): LedgerEntry[] => read.ended.all({ now, limit }).map(entryOf),
    ...put,
    certificateSeen: (fingerprint: Fingerprint, at: Instant): void => void seen.run({ fingerprint, at }),
  };
}
