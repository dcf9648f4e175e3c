// All there is to see of one device: its record, how it comes and goes, its certificates, renewals and delegations.
import { type Delegation, isInForce } from '../../domain/delegation.ts';
import type { CarriedContact, Principal, PrincipalId } from '../../domain/principal.ts';
import type { RenewalRefusal } from '../../domain/refusal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { trackedSince } from '../admission/own-absences.ts';
import { presenceOf } from '../admission/presence-view.ts';
import type { Context } from '../context.ts';
import type { WithRefusals } from '../enrollment/refusals.ts';
import { OperationError } from '../operation-error.ts';
import { viewOf } from '../views/certificates.ts';
import type { DeviceView } from '../views/devices.ts';
import type { WithWhereabouts } from '../whereabouts.ts';

type ShowDeviceContext = Pick<Context, 'store' | 'clock'> & WithWhereabouts & WithRefusals;

/** Certificates, renewals and delegations shown of one device. */
const shownMax = 20;

/** Rejects with `not_found`. */
export async function showDevice(app: ShowDeviceContext, id: PrincipalId): Promise<DeviceView> {
  const { read } = app.store;
  const principal = await read.principal(id);
  if (!principal) throw new OperationError('not_found', [`${id} is not in the inventory`]);
  const certificates = (await read.certificatesOf(id, { limit: shownMax })).map(viewOf);
  const renewals = await read.renewals({ principalId: id }, shownMax);
  return {
    principal,
    contact: await read.contact(id),
    carried: await carriedFor(app, principal),
    presence: await presenceOf(app, id),
    trackedSince: await trackedSince(read),
    certificates,
    renewals,
    refusals: await refusalsOf(app, renewals),
    delegations: (await standingFor(app, principal)).slice(0, shownMax),
  };
}

async function refusalsOf(
  app: Pick<Context, 'store'> & WithRefusals,
  renewals: readonly Renewal[],
): Promise<RenewalRefusal[]> {
  const all: RenewalRefusal[] = [];
  for (const { id } of renewals) {
    await app.refusals.flush(id);
    all.push(...(await app.store.read.refusalsOf(id)));
  }
  return all;
}

async function carriedFor(app: Pick<Context, 'store' | 'clock'>, principal: Principal): Promise<CarriedContact[]> {
  const speakers = new Set((await standingFor(app, principal)).map(({ gatewayId }) => gatewayId));
  return (await app.store.read.carriedContacts(principal.id)).filter(({ gatewayId }) => speakers.has(gatewayId));
}

async function standingFor(
  app: Pick<Context, 'store' | 'clock'>,
  { id, kind, site }: Principal,
): Promise<Delegation[]> {
  const { read } = app.store;
  const now = app.clock.now();
  if (kind === 'gateway') return read.standingDelegations(id, now);
  return kind === 'device' ? (await read.delegationsFor(id, site)).filter((each) => isInForce(each, now)) : [];
}
