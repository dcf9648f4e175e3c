// Whom a revoked delegation or a gateway that is gone leaves without a way to renew: told with what was done, because both are done at once.
import { type Delegation, names } from '../../domain/delegation.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { Outlook, OutlookPlace } from '../../ports/store.ts';
import type { App } from '../context.ts';
import type { CutOffView } from '../decision-views.ts';
import { neverCameItself, prospectOf, reliesOnGateways } from '../renewal/prospect.ts';

/** Certificates read before others have a turn. */
const pageMax = 200;

/** Devices that were behind this gateway, by the delegations or by their record, and have no way to renew now. */
export async function cutOffFrom(
  app: App,
  gateway: PrincipalId,
  delegations: readonly Delegation[],
): Promise<CutOffView> {
  const now = app.clock.now();
  const absences = await app.presences.absences(app);
  const devices = new Set<PrincipalId>();
  let first: CutOffView['first'] = null;
  for await (const outlook of inUse(app, now)) {
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

/** Certificates in use that have not ended, in the order of their ends. */
async function* inUse(app: App, now: Instant): AsyncGenerator<Outlook> {
  let after: OutlookPlace | null = { endsAt: now, row: Number.MAX_SAFE_INTEGER };
  while (after) {
    await app.turns.take();
    const page: Outlook[] = await app.store.read.outlooks(Number.MAX_SAFE_INTEGER, after, pageMax);
    yield* page;
    after = page.length === pageMax ? (page.at(-1)?.place ?? null) : null;
  }
}
