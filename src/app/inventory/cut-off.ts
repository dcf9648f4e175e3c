// Whom a revoked delegation or a gateway that is gone leaves without a way to renew: told with what was done, where it is done at once, or
// before it, where somebody may still object.
import { type Delegation, names } from '../../domain/delegation.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { Outlook, OutlookPlace } from '../../ports/outlooks.ts';
import type { Context } from '../context.ts';
import { pagesOf } from '../pages.ts';
import type { Objection } from '../renewal/decide.ts';
import { grantsFor, neverCameItself, type ProspectContext, prospectOf, reliesOnGateways } from '../renewal/prospect.ts';
import type { WithTurns } from '../turns.ts';
import type { CutOffView } from '../views/decisions.ts';

export type CutOffContext = ProspectContext & Pick<Context, 'clock'> & WithTurns;

/** Certificates read before others have a turn. */
const pageMax = 200;

/** The application as it would be once these delegations are revoked: to show whom that cuts off before it is done. */
export function appWithout<Given extends Pick<Context, 'store'>>(
  app: Given,
  delegations: readonly Delegation[],
): Given {
  const revoked = new Set(delegations.map(({ id }) => id));
  const { glance } = app.store;
  const delegationsFor: typeof glance.delegationsFor = (id, site) =>
    glance.delegationsFor(id, site).filter((each) => !revoked.has(each.id));
  const store = Object.create(app.store) as Context['store'];
  return { ...app, store: Object.assign(store, { glance: { ...glance, delegationsFor } }) };
}

/**
 * Devices that were behind this gateway, by the delegations or by their record, and have no way to renew now.
 * @param isGone the gateway itself is decommissioned, or would be.
 */
export async function cutOffFrom(
  app: CutOffContext,
  gateway: PrincipalId,
  delegations: readonly Delegation[],
  isGone = false,
): Promise<CutOffView> {
  const now = app.clock.now();
  const absences = await app.presences.absences();
  const devices = new Set<PrincipalId>();
  let first: CutOffView['first'] = null;
  for await (const found of inUse(app, now)) {
    const isBehind = isGone && found.principal.gateway === gateway;
    const outlook: Outlook = isBehind ? { ...found, standsBehind: null } : found;
    const { certificate, principal } = outlook;
    const isNamed = delegations.some((each) => names(each, principal));
    const isSecond = certificate.renewAt === null && !outlook.renewal;
    if (!(isNamed || principal.gateway === gateway) || isSecond || principal.status !== 'active') continue;
    // One that never came itself was named by what is revoked now: it depended on that, renewed by it before or not.
    const relies = (isNamed && neverCameItself(outlook)) || reliesOnGateways(app, outlook);
    const { gatewayGone, notDelegated } = prospectOf(app, outlook, absences, now, relies);
    if (!gatewayGone && !notDelegated) continue;
    devices.add(principal.id);
    first ??= { id: principal.id, owner: principal.owner, endsAt: certificate.notAfter };
  }
  return { devices: devices.size, first };
}

/** The same of a gateway that cannot connect any more, or could not if what was tried were done. */
export async function cutOffByAbsence(app: CutOffContext, gateway: PrincipalId): Promise<CutOffView> {
  const delegations = await app.store.read.standingDelegations(gateway, app.clock.now());
  return cutOffFrom(appWithout(app, delegations), gateway, delegations, true);
}

/** Devices that depend on a site gateway to renew. */
export interface Dependents {
  readonly count: number;
  /** None, or one with all of them. */
  readonly objections: readonly Objection[];
}

/** Devices named; all are counted. */
const namedMax = 20;

/**
 * Devices that would have no way to renew any more without those that are `leaving`, and do not leave themselves. The fleet is read for
 * that only where a gateway leaves.
 * @param afterwards a record as it will be by then.
 */
export async function dependentsOf(
  app: CutOffContext,
  leaving: readonly PrincipalId[],
  afterwards: (principal: Principal) => Principal,
): Promise<Dependents> {
  const gone = new Set(leaving);
  const gateways = await gatewaysAmong(app, leaving);
  if (gateways.size === 0) return { count: 0, objections: [] };
  const now = app.clock.now();
  const devices = new Map<PrincipalId, string>();
  for await (const outlook of inUse(app, now)) {
    const { certificate, principal, renewal } = outlook;
    const { id, owner, status } = principal;
    const isSecond = certificate.renewAt === null && !renewal;
    if (isSecond || status !== 'active' || gone.has(id) || devices.has(id) || app.presences.isHere(id)) continue;
    const after = afterwards(principal);
    const isBehind = after.gateway !== null && gateways.has(after.gateway);
    if (!isBehind && !losesGrants(app, { ...outlook, principal: after }, gateways, now)) continue;
    devices.set(id, `${id} (${owner || 'no owner'}), ends ${new Date(certificate.notAfter).toISOString()}`);
  }
  return { count: devices.size, objections: devices.size === 0 ? [] : [objectionOf(gateways, devices)] };
}

async function gatewaysAmong(
  app: Pick<Context, 'store'> & WithTurns,
  ids: readonly PrincipalId[],
): Promise<Set<PrincipalId>> {
  const gateways = new Set<PrincipalId>();
  for (const [index, id] of ids.entries()) {
    if (index % pageMax === 0) await app.turns.take();
    const principal = await app.store.read.principal(id);
    if (principal?.kind === 'gateway' && principal.status === 'active') gateways.add(id);
  }
  return gateways;
}

/** Does a gateway speak for it now that it depends on, and none but these? */
function losesGrants(
  app: Pick<Context, 'store'>,
  outlook: Outlook,
  gateways: ReadonlySet<PrincipalId>,
  now: Instant,
): boolean {
  if (!reliesOnGateways(app, outlook)) return false;
  const grants = grantsFor(app, outlook.principal, now);
  return grants.length > 0 && grants.every(({ gatewayId }) => gateways.has(gatewayId));
}

function objectionOf(gateways: ReadonlySet<PrincipalId>, devices: ReadonlyMap<PrincipalId, string>): Objection {
  const [gateway] = gateways;
  const named = [...devices.values()].slice(0, namedMax);
  const which = gateways.size === 1 ? `site gateway ${gateway}` : `${gateways.size} site gateways`;
  const whose = devices.size === 1 ? '1 device has' : `${devices.size} devices have`;
  const sentence = `it decommissions ${which}, without which ${whose} no way to renew; the first to end is ${named[0]}`;
  return { count: devices.size, sentence, named };
}

/** Certificates in use that have not ended, in the order of their ends. */
async function* inUse(app: Pick<Context, 'store'> & WithTurns, now: Instant): AsyncGenerator<Outlook> {
  const from: OutlookPlace = { endsAt: now, row: Number.MAX_SAFE_INTEGER };
  const next = async (last: Outlook | null) => {
    await app.turns.take();
    return app.store.read.outlooks(Number.MAX_SAFE_INTEGER, last?.place ?? from, pageMax);
  };
  for await (const page of pagesOf(pageMax, next)) yield* page;
}
