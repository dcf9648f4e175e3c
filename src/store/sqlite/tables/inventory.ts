// Principals, and what they last told about themselves.
import { type RawBuilder, sql } from 'kysely';
import { ownerAndClientOf, sessionName } from '../../../domain/client-id.ts';
import { NolapseError } from '../../../domain/errors.ts';
import {
  type CarriedContact,
  type Contact,
  type KeyMode,
  nothingSaid,
  type Principal,
  type PrincipalId,
} from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import { firstRoot, type TrustGlance } from '../../../domain/trust-record.ts';
import type { CaseTwins, PrincipalQuery } from '../../../ports/inventory.ts';
import type { Page } from '../../../ports/page.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

const columns = [
  'id',
  'kind',
  'status',
  'owner',
  'class',
  'criticality',
  'site',
  'gateway',
  'encoding',
  'modes',
  'packet_bytes_max as packetBytesMax',
  'slots',
  'cohort',
  'source',
] as const;
const rows = build.selectFrom('principal').select(columns);

/** Stored sessions of one principal that are read. */
const sessionsMax = 1_000;

/** A principal, and what a connect needs to know of its way to the next roots. */
export interface PrincipalWithTrust {
  readonly principal: Principal;
  readonly trust: TrustGlance;
}

type Row = Omit<Principal, 'modes'> & { readonly modes: string };

/** A list of key modes as one column. */
export const joinModes = (modes: readonly KeyMode[]): string => modes.join(',');
export const splitModes = (text: string): KeyMode[] => (text === '' ? [] : (text.split(',') as KeyMode[]));

const principalOf = (row: Row): Principal => ({ ...row, modes: splitModes(row.modes) });

const said = [
  'principal_id as principalId',
  'encoding',
  'packet_bytes_max as packetBytesMax',
  'slots',
  'clock_skew_ms as clockSkewMs',
  'last_seen_at as lastSeenAt',
] as const;

const saidBy = (p: Parameter<Contact>) => ({
  encoding: p('encoding'),
  packet_bytes_max: p('packetBytesMax'),
  slots: p('slots'),
  clock_skew_ms: p('clockSkewMs'),
  last_seen_at: p('lastSeenAt'),
});

/** Names of sessions with a suffix: the colon before it is the last character of the first, and has `;` for its successor. */
function storedClientIds(queries: Queries): (id: PrincipalId) => string[] {
  const between = queries.prepare((p: Parameter<{ from: string; to: string; limit: number }>) =>
    build
      .selectFrom('mqtt_session')
      .select('client_id as name')
      .where('client_id', '>', p('from'))
      .where('client_id', '<', p('to'))
      .limit(p('limit')),
  );
  return (id) => {
    const name = sessionName(id, id);
    const found = between.all({ from: `${name}:`, to: `${name};`, limit: sessionsMax });
    return found.map((row) => ownerAndClientOf(row.name).clientId);
  };
}

function prepareContacts(queries: Queries) {
  const of = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    build
      .selectFrom('contact')
      .select([...said, 'doubtful'])
      .where('principal_id', '=', p('id')),
  );
  const put = queries.prepare((p: Parameter<Contact>) => {
    const facts = { ...saidBy(p), doubtful: sql.lit(0) };
    return build
      .insertInto('contact')
      .values({ principal_id: p('principalId'), ...facts })
      .onConflict((conflict) => conflict.column('principal_id').doUpdateSet(facts));
  });
  const seen = queries.prepare((p: Parameter<{ id: PrincipalId; at: Instant }>) =>
    build
      .insertInto('contact')
      .values({ principal_id: p('id'), last_seen_at: p('at'), doubtful: sql.lit(0) })
      .onConflict((conflict) => conflict.column('principal_id').doUpdateSet({ last_seen_at: p('at') })),
  );
  return { of, put, seen };
}

// Ids are ASCII, which is what NOCASE folds.
const alikeBut = (p: Parameter<{ id: PrincipalId }>) =>
  sql<boolean>`"id" = ${p('id')} collate nocase AND "id" <> ${p('id')}`;

function prepareTwin(queries: Queries) {
  return queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    build.selectFrom('principal').select('id').where(alikeBut(p)).limit(sql.lit(1)),
  );
}

function prepareTwins(queries: Queries) {
  const last = queries.prepare((p: Parameter<{ after: string; passed: number }>) =>
    build
      .selectFrom('principal')
      .select('id')
      .where(sql<boolean>`"id" > ${p('after')}`)
      .orderBy('id')
      .limit(sql.lit(1))
      .offset(p('passed')),
  );
  const pairs = queries.prepare((p: Parameter<{ after: string; last: string }>) =>
    build
      .selectFrom('principal as one')
      .innerJoin('principal as other', (join) =>
        join.on(sql<boolean>`"other"."id" = "one"."id" collate nocase`).onRef('one.id', '<', 'other.id'),
      )
      .select(['one.id as one', 'other.id as other'])
      .where(sql<boolean>`"one"."id" > ${p('after')}`)
      .where(sql<boolean>`"one"."id" <= ${p('last')}`),
  );
  return (from: PrincipalId | null, looked: number): CaseTwins => {
    const after = from ?? '';
    const end = last.get({ after, passed: looked - 1 })?.id ?? null;
    // Ids are ASCII: none comes after this.
    const found = pairs.all({ after, last: end ?? '\x7f' });
    return { pairs: found.map(({ one, other }) => [one, other] as const), last: end };
  };
}

/** What site gateways say of the devices they speak for. */
export function carriedContacts(queries: Queries) {
  const of = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    build
      .selectFrom('carried_contact')
      .select([...said, 'gateway_id as gatewayId'])
      .where('principal_id', '=', p('id'))
      .orderBy('gateway_id'),
  );
  const put = queries.prepare((p: Parameter<CarriedContact>) => {
    const facts = saidBy(p);
    return build
      .insertInto('carried_contact')
      .values({ principal_id: p('principalId'), gateway_id: p('gatewayId'), ...facts })
      .onConflict((conflict) => conflict.columns(['principal_id', 'gateway_id']).doUpdateSet(facts));
  });
  const drop = queries.prepare((p: Parameter<{ gateway: PrincipalId; but: string; now: Instant }>) =>
    build
      .deleteFrom('carried_contact')
      .where('gateway_id', '=', p('gateway'))
      .where('principal_id', 'not in', (eb) =>
        eb
          .selectFrom('delegation as d')
          .innerJoin('principal as p', 'p.site', 'd.site')
          .select('p.id')
          .where(standing(p)),
      )
      .where('principal_id', 'not in', (eb) =>
        eb
          .selectFrom('delegation as d')
          .innerJoin('delegation_device as n', 'n.delegation_id', 'd.id')
          .select('n.principal_id')
          .where(standing(p)),
      ),
  );
  return {
    carriedContacts: (id: PrincipalId): CarriedContact[] => of.all({ id }),
    putCarriedContact: (contact: CarriedContact): void => void put.run(contact),
    dropCarriedContacts: (gateway: PrincipalId, but: string, now: Instant): void =>
      void drop.run({ gateway, but, now }),
  };
}

/** Delegations of a gateway that are in force, all but one. */
const standing = (p: Parameter<{ gateway: PrincipalId; but: string; now: Instant }>) =>
  sql<boolean>`d.gateway_id = ${p('gateway')} AND d.id <> ${p('but')} AND d.revoked_at IS NULL AND d.ends_at > ${p('now')}`;

/** Writes nothing for a new id that differs from another by case alone. */
function preparePut(queries: Queries) {
  return queries.prepare((p: Parameter<Row>) => {
    const facts = {
      kind: p('kind'),
      status: p('status'),
      owner: p('owner'),
      class: p('class'),
      criticality: p('criticality'),
      site: p('site'),
      gateway: p('gateway'),
      encoding: p('encoding'),
      modes: p('modes'),
      packet_bytes_max: p('packetBytesMax'),
      slots: p('slots'),
      cohort: p('cohort'),
      source: p('source'),
    };
    const known = build.selectFrom('principal').select('id').where('id', '=', p('id'));
    const alike = build.selectFrom('principal').select('id').where(alikeBut(p));
    const names = Object.keys(facts) as (keyof typeof facts)[];
    return build
      .insertInto('principal')
      .columns(['id', ...names])
      .expression(
        build
          .selectNoFrom([p('id').as('id'), ...names.map((name) => (facts[name] as RawBuilder<unknown>).as(name))])
          .where((eb) => eb.or([eb.exists(known), eb.not(eb.exists(alike))])),
      )
      .onConflict((conflict) => conflict.column('id').doUpdateSet(facts));
  });
}

export function inventory(queries: Queries) {
  const byId = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    rows.select(['last_root', 'next_counted']).where('id', '=', p('id')),
  );

  const put = preparePut(queries);
  const contacts = prepareContacts(queries);
  const twin = prepareTwin(queries);
  const withTrust = (id: PrincipalId): PrincipalWithTrust | null => {
    const row = byId.get({ id });
    if (!row) return null;
    const { last_root, next_counted, ...rest } = row;
    const trust = { last: Math.max(firstRoot, last_root), isCounted: next_counted === 1 };
    return { principal: principalOf(rest), trust };
  };
  return {
    principal: (id: PrincipalId): Principal | null => withTrust(id)?.principal ?? null,
    principalWithTrust: withTrust,
    caseTwin: (id: PrincipalId): PrincipalId | null => twin.get({ id })?.id ?? null,
    caseTwins: prepareTwins(queries),
    storedClientIds: storedClientIds(queries),
    principals: (query: PrincipalQuery, page: Page): Principal[] => {
      let select = rows.orderBy('id').limit(page.limit);
      for (const column of ['status', 'kind', 'site', 'owner', 'source', 'class', 'criticality'] as const) {
        const wanted = query[column];
        if (wanted !== undefined) select = select.where(column as 'owner', '=', wanted);
      }
      if (query.owners) select = select.where('owner', 'in', query.owners);
      if (query.sites) select = select.where('site', 'in', query.sites);
      if (query.endsBefore !== undefined) select = select.where('lit_until', '<', query.endsBefore);
      if (page.after !== undefined) select = select.where('id', '>', page.after as PrincipalId);
      return queries.all(select).map(principalOf);
    },
    contact: (id: PrincipalId): Contact | null => {
      const row = contacts.of.get({ id });
      if (!row) return null;
      const { doubtful, ...contact } = row;
      // It may be what a gateway said, when the two were one.
      return doubtful === 1 ? { ...contact, ...nothingSaid } : contact;
    },
    putPrincipal: (principal: Principal): void => {
      if (put.run({ ...principal, modes: joinModes(principal.modes) }) > 0) return;
      throw new NolapseError('conflict', `another id differs from ${principal.id} by case alone`);
    },
    putContact: (contact: Contact): void => void contacts.put.run(contact),
    principalSeen: (id: PrincipalId, at: Instant): void => void contacts.seen.run({ id, at }),
  };
}
