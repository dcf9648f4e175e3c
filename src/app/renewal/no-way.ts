// Why no replacement could be made for a certificate in use, however much time there is: key modes, delegations, proofs and packets, as
// policy and record have them.
import type { Delegation } from '../../domain/delegation.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Principal } from '../../domain/principal.ts';
import type { RenewalState } from '../../domain/renewal.ts';
import type { Instant } from '../../domain/time.ts';
import type { ShortReason } from '../../domain/time-left.ts';
import type { Outlook } from '../../ports/outlooks.ts';
import type { Context } from '../context.ts';
import { canBeTold, deliveryProfileFor, type Way } from './delivery-profile.ts';
import { grantsFor, keyModeOf } from './prospect.ts';

type NoWayContext = Pick<Context, 'store' | 'authority' | 'profiles' | 'clock'>;

/** Under what a certificate would be replaced. */
export interface Terms {
  readonly principal: Principal;
  readonly policy: Policy;
  /** Does its device depend on gateways to be renewed? */
  readonly relies: boolean;
}

/** Of an open renewal: its request is still to come, and is judged by what holds then. */
const awaitsRequest: readonly RenewalState[] = ['due', 'offered', 'failed'];

/** @param at when its replacement is due. @returns null: there is a way. That no delegation is in force is not judged here. */
export async function noWayFor(
  app: NoWayContext,
  outlook: Outlook,
  terms: Terms,
  at: Instant,
): Promise<ShortReason | null> {
  const { principal, relies } = terms;
  const grants = relies ? grantsFor(app, principal, app.clock.now()) : null;
  const why = await noRequest(app, outlook, terms, grants, at);
  return why ?? ((await isSpeakable(app, principal, grants)) ? null : 'packet_too_small');
}

/** @param grants of a device that depends on gateways; null: it asks itself. */
async function noRequest(
  app: Pick<Context, 'store' | 'authority' | 'profiles'>,
  outlook: Outlook,
  { principal, policy }: Terms,
  grants: readonly Delegation[] | null,
  at: Instant,
): Promise<ShortReason | null> {
  const open = outlook.renewal && (await app.store.read.renewal(outlook.renewal.id));
  if (open && !awaitsRequest.includes(open.state)) return null;
  // An open renewal keeps its mode, whatever the policy prefers by now.
  const mode = open?.mode ?? (await keyModeOf(app, { ...outlook, principal }, policy, at));
  if (mode === null) return 'no_key_mode';
  if (grants && grants.length > 0 && !grants.some(({ modes }) => modes.includes(mode))) return 'mode_not_granted';
  // A gateway's own requests come on a connection that carries what others say at its site.
  const isCarried = grants !== null || principal.kind === 'gateway';
  return isCarried && mode === 'csr' && policy.requireDeviceProof && !outlook.signed ? 'proof_required' : null;
}

async function isSpeakable(
  app: Pick<Context, 'store'>,
  principal: Principal,
  grants: readonly Pick<Delegation, 'gatewayId'>[] | null,
): Promise<boolean> {
  const { read } = app.store;
  const { id } = principal;
  const said = { own: await read.contact(id), carried: grants ? await read.carriedContacts(id) : [] };
  const ways: readonly Way[] = grants?.map(({ gatewayId }) => gatewayId) ?? [null];
  return ways.length === 0 || ways.some((way) => canBeTold(id, deliveryProfileFor(principal, said, way)));
}
