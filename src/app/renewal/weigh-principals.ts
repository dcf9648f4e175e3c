// Weighs what another record of a principal does to the certificates it has in use: another class, criticality, cohort or key modes,
// another site or gateway, another encoding or size of packets.
import type { Principal } from '../../domain/principal.ts';
import { type Context, policyOf } from '../context.ts';
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
    const gatewayStatus =
      after.gateway === before.gateway ? outlook.gatewayStatus : await statusOf(app, after.gateway, findGateway);
    await weigh(
      weighing,
      outlook,
      { principal: before, gatewayStatus: outlook.gatewayStatus, policy: policyOf(app, before) },
      { principal: after, gatewayStatus, policy: policyOf(app, after) },
    );
  }
}

async function statusOf(
  app: Pick<Context, 'store'>,
  id: Principal['gateway'],
  find: (id: Principal['id']) => Principal | undefined,
) {
  if (id === null) return null;
  return (await app.store.read.principal(id))?.status ?? find(id)?.status ?? null;
}
