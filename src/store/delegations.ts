// Who may act for whom, and how often they did today.
import { sql } from 'kysely';
import type { Delegation } from '../domain/delegation.ts';
import type { PrincipalId } from '../domain/principal.ts';
import { joinModes, splitModes } from './inventory.ts';
import type { Parameter, Queries } from './query.ts';
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

type Row = Omit<Delegation, 'modes' | 'devices' | 'telemetry'> & { readonly modes: string; readonly telemetry: 0 | 1 };

function grantOf({ modes, telemetry, ...row }: Row, devices: readonly PrincipalId[]): Delegation {
  return { ...row, modes: splitModes(modes), devices, ...(telemetry === 1 && { telemetry: true }) };
}

function prepareReads(queries: Queries) {
  const byId = queries.prepare((p: Parameter<{ id: string }>) => rows.where('id', '=', p('id')));
  const ofGateway = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    rows.where('gateway_id', '=', p('id')).orderBy('id'),
  );
  const forDevice = queries.prepare((p: Parameter<{ id: PrincipalId; site: string | null }>) =>
    rows
      .where('revoked_at', 'is', null)
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('delegation_device')
          .select('delegation_id as id')
          .where('principal_id', '=', p('id'))
          .union(
            build
              .selectFrom('delegation')
              .select('id')
              .where('site', '=', p('site'))
              .where('site', 'is not', null)
              .where('revoked_at', 'is', null),
          ),
      )
      // The longest first: what has ended is what the bound leaves out.
      .orderBy('ends_at', 'desc')
      .orderBy('id')
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
  return { byId, ofGateway, forDevice, devicesOf, used, page };
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
  const name = queries.prepare((p: Parameter<{ id: string; device: PrincipalId }>) =>
    build.insertInto('delegation_device').values({ delegation_id: p('id'), principal_id: p('device') }),
  );
  const use = queries.prepare((p: Parameter<{ id: string; day: number }>) =>
    build
      .insertInto('delegation_use')
      .values({ delegation_id: p('id'), day: p('day'), renewals: sql.lit(1) })
      .onConflict((conflict) =>
        conflict.columns(['delegation_id', 'day']).doUpdateSet((eb) => ({
          renewals: eb('delegation_use.renewals', '+', sql.lit(1)),
        })),
      ),
  );
  return { put, forget, name, use };
}

export function delegations(queries: Queries) {
  const { byId, ofGateway, forDevice, devicesOf, used, page } = prepareReads(queries);
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
    delegationsOf: (id: PrincipalId): Delegation[] => ofGateway.all({ id }).map(whole),
    // The list of a delegation's devices may be long, and this is asked for each message.
    delegationsFor: (id: PrincipalId, site: string | null): Delegation[] =>
      forDevice.all({ id, site }).map((row) => grantOf(row, row.site === null ? [id] : [])),
    delegations: (limit: number, after = ''): Delegation[] => page.all({ after, limit }).map(whole),
    delegationUse: (id: string, day: number): number => used.get({ id, day })?.renewals ?? 0,
    putDelegation: (delegation: Delegation): void => {
      const { telemetry, modes } = delegation;
      put.run({ ...delegation, modes: joinModes(modes), telemetry: telemetry ? 1 : 0 });
      forget.run({ id: delegation.id });
      for (const device of delegation.devices) name.run({ id: delegation.id, device });
    },
    useDelegation: (id: string, day: number): void => void use.run({ id, day }),
  };
}
