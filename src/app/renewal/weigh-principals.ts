// Weighs what another record of a principal does to the certificates it has in use: another class, criticality, cohort or key modes,
// another site or gateway.
import { isInForce, names } from '../../domain/delegation.ts';
import type { Principal } from '../../domain/principal.ts';
import { type App, policyOf } from '../context.ts';
import { Toll } from './toll.ts';
import { type Weighing, weigh } from './weigh.ts';

/** What of a record a certificate's dates, or whoever may renew it, follow from. */
const weighed = ['class', 'criticality', 'cohort', 'modes', 'site', 'gateway'] as const satisfies (keyof Principal)[];

export async function beginWeighing(app: App): Promise<Weighing> {
  return { app, toll: new Toll(), absences: await app.presences.absences(app), now: app.clock.now() };
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
  const reach = before.site === after.site ? null : await reachOf(app, before, after);
  for (const outlook of await app.store.read.outlooksOf(before.id)) {
    const gatewayStatus =
      after.gateway === before.gateway ? outlook.gatewayStatus : await statusOf(app, after.gateway, findGateway);
    await weigh(
      weighing,
      outlook,
      { principal: before, gatewayStatus: outlook.gatewayStatus, policy: policyOf(app, before) },
      { principal: after, gatewayStatus, policy: policyOf(app, after), isCutOff: reach === 'lost' },
    );
  }
}

async function statusOf(app: App, id: Principal['gateway'], find: (id: Principal['id']) => Principal | undefined) {
  if (id === null) return null;
  return (await app.store.read.principal(id))?.status ?? find(id)?.status ?? null;
}

/** Is a device that was renewed through a gateway last, and is not here itself, covered by a delegation at its new site? */
async function reachOf(app: App, before: Principal, after: Principal): Promise<'lost' | null> {
  const { read } = app.store;
  const [newest] = await read.renewals({ principalId: before.id }, 1);
  if (!newest?.via || app.presences.isHere(before.id)) return null;
  const now = app.clock.now();
  const isCovered = async (principal: Principal): Promise<boolean> =>
    (await read.delegationsFor(principal.id, principal.site)).some(
      (each) => isInForce(each, now) && names(each, principal),
    );
  return (await isCovered(before)) && !(await isCovered(after)) ? 'lost' : null;
}
