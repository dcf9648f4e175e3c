// Who will go dark: whose certificate ends before its device is expected at a time at which its replacement is due. Judged by what is
// known now and by the assumptions stated here; docs/operations.md has them in words.
import { expectedMs, type Gaps } from './presence.ts';
import type { Instant } from './time.ts';

/** Every reason why a device is expected to go dark, and what it means. docs/operations.md lists the same, and a test holds them together. */
export const darkReasons = {
  in_grace: 'its certificate has ended, and grace has not: it is dark now, and may come to renew',
  ended: 'its certificate and grace have ended: it is dark now',
  revoked: 'its certificate was revoked or retired, and no other was seen in use: it is dark now',
  quarantined: 'it is quarantined, so it cannot connect to renew; or its certificate has ended meanwhile',
  gateway_gone:
    'the gateway it is behind is decommissioned, quarantined, dark or not in the inventory, and it has no session of its own',
  not_delegated:
    'it is renewed through a gateway, and no delegation covers it any more, or none of one that can connect',
  not_planned: 'no renewal of its certificate is planned',
  renewal_refused: 'what its device asks for is refused, again and again',
  renewal_failed: 'its device could not install the last replacement it was given',
  issuer_ends: 'the issuing CA ends: no replacement lasts longer',
  away: 'it is away for longer than it used to be, and is not expected back in time',
  never_came: 'it has never come with the certificate that was issued to it, and is not expected in time',
  comes_rarely: 'it comes too rarely: it is expected only after the end',
  no_lead: 'it is expected before its replacement is due, and then only after the end',
  no_key_mode: 'policy, device and present key have no key mode in common by then',
} as const;
export type DarkReason = keyof typeof darkReasons;

/** What is known of one certificate in use and of the device that holds it. */
export interface Prospect {
  readonly endsAt: Instant;
  /** When its replacement is due: in the past while a renewal is open. Null: none is planned. */
  readonly dueAt: Instant | null;
  readonly quarantined: boolean;
  readonly gatewayGone: boolean;
  /** Is it renewed through a gateway, and has no delegation that covers it? */
  readonly notDelegated?: boolean;
  /** Did its device report of the open renewal that it failed? */
  readonly failed: boolean;
  /** Was the same refused under the open renewal again and again? */
  readonly refused?: boolean;
  readonly issuerEndsAt: Instant;
  readonly gaps: Gaps;
  /** Null while its device is here; else for how long it has been away, in milliseconds. */
  readonly awayMs: number | null;
  /** Was its certificate issued and never seen in use? */
  readonly neverCame?: boolean;
}

export interface Chance {
  /** When the device is expected back; now, while it is here. */
  readonly expectedAt: Instant;
  /** The first of the comings expected of it at which its replacement is due. */
  readonly renewsAt: Instant;
}

/**
 * When its replacement is expected to be made, if nothing but its comings is in the way. It is taken to come after the rest of the
 * gap planned with, or if it is away for longer, after as long again as it was; from then on once in each gap planned with. One
 * that is here and never was away stays.
 */
export function chanceOf({ dueAt, gaps, awayMs }: Prospect, now: Instant): Chance {
  const waitMs = awayMs === null ? 0 : expectedMs(gaps, awayMs);
  const expectedAt = now + waitMs;
  const due = dueAt ?? now;
  if (due <= expectedAt) return { expectedAt, renewsAt: expectedAt };
  // Of one that was never seen to come back, the gap it is in is all that is known.
  const stepMs = gaps.plannedMs || (awayMs ?? 0) + waitMs;
  const renewsAt = stepMs > 0 ? expectedAt + Math.ceil((due - expectedAt) / stepMs) * stepMs : due;
  return { expectedAt, renewsAt };
}

export interface Darkness {
  readonly why: DarkReason;
  readonly at: Instant;
  /** What is left of its life at the coming at which it would be renewed: below zero. Null: no coming would help. */
  readonly slackMs: number | null;
}

/** Why its comings would not help, whenever they are. */
export function obstacle({
  endsAt,
  dueAt,
  quarantined,
  gatewayGone,
  notDelegated,
  failed,
  refused,
  issuerEndsAt,
}: Prospect): DarkReason | null {
  if (quarantined) return 'quarantined';
  if (gatewayGone) return 'gateway_gone';
  if (notDelegated) return 'not_delegated';
  if (issuerEndsAt <= endsAt) return 'issuer_ends';
  if (dueAt === null) return 'not_planned';
  if (refused) return 'renewal_refused';
  return failed ? 'renewal_failed' : null;
}

/**
 * Is this device expected to be without a certificate in its lifetime at some time up to `until`? One certificate is looked at, the
 * one in use: of its replacement only that it ends with the issuing CA at the latest.
 * @param hasKeyMode can a replacement be made in some key mode at the chance it has?
 */
export function foresee(
  prospect: Prospect,
  { expectedAt, renewsAt }: Chance,
  until: Instant,
  hasKeyMode: boolean,
): Darkness | null {
  const { endsAt, issuerEndsAt, gaps, awayMs, neverCame } = prospect;
  if (endsAt > until) return null;
  // What keeps a replacement back says nothing of a device that has not come for the first time.
  const why = neverCame ? null : obstacle(prospect);
  if (why) return { why, at: endsAt, slackMs: null };
  if (renewsAt >= endsAt) {
    const late = neverCame ? 'never_came' : (awayMs ?? 0) > gaps.plannedMs ? 'away' : 'comes_rarely';
    return { why: expectedAt < endsAt ? 'no_lead' : late, at: endsAt, slackMs: endsAt - renewsAt };
  }
  if (!hasKeyMode) return { why: 'no_key_mode', at: endsAt, slackMs: null };
  return issuerEndsAt <= until ? { why: 'issuer_ends', at: issuerEndsAt, slackMs: null } : null;
}
