// Why no replacement could be made for a certificate in use, however much time there is: key modes, delegations, proofs and packets, as
// policy and record have them.
import type { Delegation } from '../../domain/delegation.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { ShortReason } from '../../domain/time-left.ts';
import type { Outlook } from '../../ports/store.ts';
import type { App } from '../context.ts';
import { canBeTold, mannerFor, type Way } from './manner.ts';
import { grantsFor, keyModeOf } from './prospect.ts';

/** Under what a certificate would be replaced. */
export interface Terms {
  readonly principal: Principal;
  readonly policy: Policy;
  /** Does its device depend on gateways to be renewed? */
  readonly relies: boolean;
}

/** @param at when its replacement is due. @returns null: there is a way. That no delegation is in force is not judged here. */
export async function noWayFor(
  app: App,
  outlook: Outlook,
  { principal, policy, relies }: Terms,
  at: Instant,
): Promise<ShortReason | null> {
  const mode = await keyModeOf(app, { ...outlook, principal }, policy, at);
  if (mode === null) return 'no_key_mode';
  const grants = relies ? grantsFor(app, principal, app.clock.now()) : [];
  if (grants.length > 0 && !grants.some(({ modes }) => modes.includes(mode))) return 'mode_not_granted';
  // A gateway's own requests come on a connection that carries what others say at its site.
  const isCarried = relies || principal.kind === 'gateway';
  if (isCarried && mode === 'csr' && policy.requireDeviceProof && !outlook.signed) return 'proof_required';
  return (await isSpeakable(app, principal, relies ? grants : null)) ? null : 'packet_too_small';
}

/** @param grants of a device that depends on gateways; null: it is spoken to itself. */
async function isSpeakable(
  app: App,
  principal: Principal,
  grants: readonly Pick<Delegation, 'gatewayId'>[] | null,
): Promise<boolean> {
  const { read } = app.store;
  const { id } = principal;
  const said = { own: await read.contact(id), carried: grants ? await read.carriedContacts(id) : [] };
  const ways: readonly Way[] = grants?.map(({ gatewayId }) => gatewayId) ?? [null];
  return ways.length === 0 || ways.some((way) => canBeTold(id, mannerFor(principal, said, way)));
}
