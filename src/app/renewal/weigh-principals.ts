// Weighs what another record of a principal does to the certificates it has in use: another class, criticality, cohort or key modes,
// another site or gateway, another encoding or size of packets.
import type { GatewayStanding, Principal } from '../../domain/principal.ts';
import type { Context } from '../context.ts';
import { Toll } from './toll.ts';
import { type WeighContext, type Weighing, weigh } from './weigh.ts';

/** What of a record a certificate's dates, or whoever may renew it, follow from. */
const weighed = [
  ...(['class', 'criticality', 'cohort', 'modes', 'site', 'gateway'] as const),
  ...(['encoding', 'packetBytesMax'] as const),
] as const satisfies (keyof Principal)[];

export async function beginWeighing(app: WeighContext): Promise<Weighing> {
  return { app, toll: new Toll(), absences: await app.presences.absences(), now: app.clock.now() };
}

/** @param findGateway knows principals that are written together with this one. */
export async function weighPrincipal(
  weighing: Weighing,
  before: Principal,
  after: Principal,
  findGateway: (id: Principal['id']) => Principal | undefined,
): Promise<void> {
  const isSame = weighed.every((name) => JSON.stringify(before[name]) === JSON.stringify(after[name]));
  if (isSame || before.status !== 'active') return;
  const { app } = weighing;
  for (const outlook of await app.store.read.outlooksOf(before.id)) {
    const standsBehind =
      after.gateway === before.gateway ? outlook.standsBehind : await standingOf(app, after.gateway, findGateway);
    await weigh(
      weighing,
      outlook,
      { principal: before, standsBehind: outlook.standsBehind, policy: app.policies.of(before) },
      { principal: after, standsBehind, policy: app.policies.of(after) },
    );
  }
}

async function standingOf(
  app: Pick<Context, 'store'>,
  id: Principal['gateway'],
  find: (id: Principal['id']) => Principal | undefined,
): Promise<GatewayStanding | null> {
  if (id === null) return null;
  const { read } = app.store;
  const status = (await read.principal(id))?.status ?? find(id)?.status;
  return status === undefined ? null : { status, litUntil: (await read.litUntil(id, id)).get(id) ?? null };
}
