// Who may act for whom, and how often they did today.
import { sql } from 'kysely';
import { type Delegation, inForceMax } from '../../../domain/delegation.ts';
import { NolapseError } from '../../../domain/errors.ts';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import type { Parameter, Queries } from '../query.ts';
import { joinModes, splitModes } from './inventory.ts';
import { build } from './schema.ts';

const columns = [
  'id',
  'gateway_id as gatewayId',
  'site',
  'modes',
  'ends_at as endsAt',
  'daily_limit as dailyLimit',
  'created_at as createdAt',
  'revoked_at as revokedAt',
  'telemetry',
] as const;
const rows = build.selectFrom('delegation').select(columns);

/** Delegations of one device that are looked at. */
const forDeviceMax = 64;
/** Delegations in force of one gateway that are read. */
const standingMax = 1_000;

type Row = Omit<Delegation, 'modes' | 'devices' | 'telemetry'> & { readonly modes: string; readonly telemetry: 0 | 1 };

function grantOf({ modes, telemetry, ...row }: Row, devices: readonly PrincipalId[]): Delegation {
  return { ...row, modes: splitModes(modes), devices, ...(telemetry === 1 && { telemetry: true }) };
}

function prepareReads(queries: Queries) {
  const byId = queries.prepare((p: Parameter<{ id: string }>) => rows.where('id', '=', p('id')));
  const ofGateway = queries.prepare((p: Parameter<{ id: PrincipalId; limit: number }>) =>
    rows.where('gateway_id', '=', p('id')).orderBy('id').limit(p('limit')),
  );
  const standing = queries.prepare((p: Parameter<{ id: PrincipalId; now: Instant }>) =>
    rows
      .where('gateway_id', '=', p('id'))
      .where('revoked_at', 'is', sql.lit(null))
      .where('ends_at', '>', p('now'))
      .orderBy('ends_at', 'desc')
      .limit(sql.lit(standingMax)),
  );
  // The longest first: what has ended is what the bound leaves out.
  const forDevice = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    build
      .selectFrom('delegation_device as n')
      .innerJoin('delegation as d', 'd.id', 'n.delegation_id')
      .select(columns.map((column) => `d.${column}` as const))
      .where('n.principal_id', '=', p('id'))
      .where('n.stands_until', '>', sql.lit(0))
      .orderBy('n.stands_until', 'desc')
      .orderBy('n.delegation_id', 'desc')
      .limit(sql.lit(forDeviceMax)),
  );
  const forSite = queries.prepare((p: Parameter<{ site: string }>) =>
    rows
      .where('site', '=', p('site'))
      .where('site', 'is not', sql.lit(null))
      .where('revoked_at', 'is', sql.lit(null))
      .orderBy('ends_at', 'desc')
      .orderBy('id', 'desc')
      .limit(sql.lit(forDeviceMax)),
  );
  const devicesOf = queries.prepare((p: Parameter<{ id: string }>) =>
    build
      .selectFrom('delegation_device')
      .select('principal_id as id')
      .where('delegation_id', '=', p('id'))
      .orderBy('principal_id'),
  );
  const used = queries.prepare((p: Parameter<{ id: string; day: number }>) =>
    build
      .selectFrom('delegation_use')
      .select('renewals')
      .where('delegation_id', '=', p('id'))
      .where('day', '=', p('day')),
  );
  const page = queries.prepare((p: Parameter<{ after: string; limit: number }>) =>
    rows.where('id', '>', p('after')).orderBy('id').limit(p('limit')),
  );
  return { byId, ofGateway, standing, forDevice, forSite, devicesOf, used, page };
}

function prepareWrites(queries: Queries) {
  const put = queries.prepare((p: Parameter<Row>) => {
    const facts = {
      gateway_id: p('gatewayId'),
      site: p('site'),
      modes: p('modes'),
      ends_at: p('endsAt'),
      daily_limit: p('dailyLimit'),
      created_at: p('createdAt'),
      revoked_at: p('revokedAt'),
      telemetry: p('telemetry'),
    };
    return build
      .insertInto('delegation')
      .values({ id: p('id'), ...facts })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(facts));
  });
  const forget = queries.prepare((p: Parameter<{ id: string }>) =>
    build.deleteFrom('delegation_device').where('delegation_id', '=', p('id')),
  );
  const name = queries.prepare((p: Parameter<{ id: string; device: PrincipalId; until: Instant }>) =>
    build
      .insertInto('delegation_device')
      .values({ delegation_id: p('id'), principal_id: p('device'), stands_until: p('until') }),
  );
  const use = queries.prepare((p: Parameter<{ id: string; day: number }>) => {
    const limit = build.selectFrom('delegation').select('daily_limit').where('id', '=', p('id'));
    return build
      .insertInto('delegation_use')
      .values({ delegation_id: p('id'), day: p('day'), renewals: sql.lit(1) })
      .onConflict((conflict) =>
        conflict
          .columns(['delegation_id', 'day'])
          .doUpdateSet((eb) => ({ renewals: eb('delegation_use.renewals', '+', sql.lit(1)) }))
          .where('delegation_use.renewals', '<', limit),
      );
  });
  return { put, forget, name, use };
}

/** Devices of a delegation, and sites, for which more are in force at a time than may be: of each, one that shows it. */
function prepareCrowds(queries: Queries) {
  const ofDevices = queries.prepare((p: Parameter<{ id: string; now: Instant }>) =>
    build
      .selectFrom('delegation_device as d')
      .select('d.principal_id as crowded')
      .where('d.delegation_id', '=', p('id'))
      .where((eb) => {
        const standing = eb
          .selectFrom('delegation_device as o')
          .select(eb.fn.countAll<number>().as('count'))
          .whereRef('o.principal_id', '=', 'd.principal_id')
          .where('o.stands_until', '>', sql.lit(0))
          .where('o.stands_until', '>', p('now'));
        return eb(standing, '>', sql.lit(inForceMax));
      })
      .limit(sql.lit(1)),
  );
  const ofSite = queries.prepare((p: Parameter<{ site: string; now: Instant }>) =>
    build
      .selectFrom('delegation')
      .select('site as crowded')
      .where('site', '=', p('site'))
      .where('site', 'is not', sql.lit(null))
      .where('revoked_at', 'is', sql.lit(null))
      .where('ends_at', '>', p('now'))
      .limit(sql.lit(1))
      .offset(sql.lit(inForceMax)),
  );
  return ({ id, site, createdAt: now }: Delegation): string | null =>
    (site === null ? ofDevices.get({ id, now }) : ofSite.get({ site, now }))?.crowded ?? null;
}

export function delegations(queries: Queries) {
  const crowdedBy = prepareCrowds(queries);
  const { byId, ofGateway, standing, forDevice, forSite, devicesOf, used, page } = prepareReads(queries);
  const { put, forget, name, use } = prepareWrites(queries);
  const whole = (row: Row): Delegation =>
    grantOf(
      row,
      devicesOf.all({ id: row.id }).map(({ id }) => id),
    );
  return {
    delegation: (id: string): Delegation | null => {
      const row = byId.get({ id });
      return row ? whole(row) : null;
    },
    delegationsOf: (id: PrincipalId, limit: number): Delegation[] => ofGateway.all({ id, limit }).map(whole),
    standingDelegations: (id: PrincipalId, now: Instant): Delegation[] => standing.all({ id, now }).map(whole),
    // The list of a delegation's devices may be long, and this is asked for each message.
    delegationsFor: (id: PrincipalId, site: string | null): Delegation[] =>
      [...forDevice.all({ id }), ...(site === null ? [] : forSite.all({ site }))]
        .sort((one, other) => other.endsAt - one.endsAt || (one.id < other.id ? -1 : 1))
        .slice(0, forDeviceMax)
        .map((row) => grantOf(row, row.site === null ? [id] : [])),
    delegations: (limit: number, after = ''): Delegation[] => page.all({ after, limit }).map(whole),
    delegationUse: (id: string, day: number): number => used.get({ id, day })?.renewals ?? 0,
    putDelegation: (delegation: Delegation): void => {
      const { telemetry, modes } = delegation;
      put.run({ ...delegation, modes: joinModes(modes), telemetry: telemetry ? 1 : 0 });
      forget.run({ id: delegation.id });
      const until = delegation.revokedAt === null ? delegation.endsAt : 0;
      for (const device of delegation.devices) name.run({ id: delegation.id, device, until });
      const crowded = delegation.revokedAt === null ? crowdedBy(delegation) : null;
      if (crowded !== null) {
        throw new NolapseError('conflict', `more than ${inForceMax} delegations in force for ${crowded}`);
      }
    },
    useDelegation: (id: string, day: number): void => {
      if (use.run({ id, day }) === 0)
        throw new NolapseError('conflict', `delegation ${id} has no renewal left on this day`);
    },
  };
}
