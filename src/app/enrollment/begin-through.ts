// A renewal's request is made through a gateway: under one of its delegations that covers the key mode and has renewals left today.
// A renewal is counted once, in the transaction of its request, so that a limit holds whatever happens twice.
import { chooseDelegation, dayOf, mayActFor } from '../../domain/delegation.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { dayMs, type Instant } from '../../domain/time.ts';
import type { Reader } from '../../ports/store.ts';
import type { Way } from '../renewal/delivery-profile.ts';

export type Beginning =
  | { readonly refusal: Refusal }
  | {
      /** The renewal as it goes on: asked for by this gateway, or by the device itself. */
      readonly renewal: Renewal;
      /** The delegation that it is to be counted under once the request is accepted; null: none, or it was counted before. */
      readonly countedUnder: string | null;
    };

/** May the request be made through this gateway? `via` is null where the device asks itself: nobody else's leave is needed. */
export async function beginThrough(
  { tx, now }: { readonly tx: Reader; readonly now: Instant },
  via: Way,
  device: Principal,
  renewal: Renewal,
): Promise<Beginning> {
  if (via === null) return { renewal: { ...renewal, via }, countedUnder: null };
  const gateway = await tx.principal(via);
  if (!gateway) return { refusal: { code: 'not_delegated', detail: 'not a device of yours' } };
  const delegations = await tx.delegationsFor(device.id, device.site);
  const verdict = mayActFor({ gateway, lane: 'full', device, delegations, now });
  if (!verdict.allowed) return { refusal: { code: verdict.code, detail: verdict.detail } };
  const counted = renewal.via === via && renewal.carriedRequests > 0;
  const used = new Map<string, number>();
  for (const { id } of counted ? [] : verdict.delegations) used.set(id, await tx.delegationUse(id, dayOf(now)));
  const chosen = chooseDelegation(verdict.delegations, renewal.mode, used);
  if ('code' in chosen) return { refusal: { ...chosen, ...untilTomorrow(chosen.code, now) } };
  return { renewal: { ...renewal, via }, countedUnder: counted ? null : chosen.delegation.id };
}

function untilTomorrow(code: Refusal['code'], now: Instant): Pick<Refusal, 'retryAfterSeconds'> {
  if (code !== 'delegation_exhausted') return {};
  return { retryAfterSeconds: Math.ceil(((dayOf(now) + 1) * dayMs - now) / 1_000) };
}
