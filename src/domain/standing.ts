// Who has a certificate that lets it in, who has none any more, and who never had one: the one answer that doctor, forecast, alerts,
// findings and metrics show. The store computes the same in SQL ({@link lightsUntil}, {@link litUntil}), and a contract test holds the two
// together.
import type { LedgerEntry } from './certificate.ts';
import type { Principal } from './principal.ts';
import type { Instant } from './time.ts';

/** What of a certificate decides how long it lets its principal in. */
export type Light = Pick<LedgerEntry, 'state' | 'notAfter' | 'overlapUntil' | 'revokedAt' | 'activatedAt'>;

/**
 * Every standing of a principal, and what it means. docs/operations.md lists the same. A device in grace is dark: it may come to renew, and
 * for nothing else. A quarantined one is judged by its certificates like any other.
 */
export const standings = {
  lit: 'a certificate of it is in its lifetime',
  dark: 'it had a certificate, and none lets it in any more',
  without: 'no certificate was ever issued to it',
  out: 'it is decommissioned: nobody expects it',
} as const;
export type Standing = keyof typeof standings;

/** When this certificate ends or ended to open sessions in the full lane; its grace is not part of it. Unix milliseconds. */
export function lightsUntil({ state, notAfter, overlapUntil, revokedAt }: Light): Instant {
  if (state === 'superseded') return Math.min(notAfter, overlapUntil ?? notAfter);
  // A sweep may have retired it a while after its overlap had ended.
  if (state === 'retired') return Math.min(notAfter, overlapUntil ?? revokedAt ?? notAfter);
  if (state === 'revoked') return Math.min(notAfter, revokedAt ?? notAfter);
  return notAfter;
}

/**
 * Until when a principal with these certificates is let in. What was seen in use counts; a replacement that was issued and not seen does
 * not, because nobody knows that the device has it. Where nothing was ever seen, what was issued counts.
 * @returns null: it never had a certificate.
 */
export function litUntil(certificates: readonly Light[]): Instant | null {
  const used = certificates.filter(({ activatedAt }) => activatedAt !== null);
  const counted = used.length > 0 ? used : certificates;
  return counted.length === 0 ? null : counted.reduce((last, each) => Math.max(last, lightsUntil(each)), 0);
}

/** @param until what {@link litUntil} gives for its certificates. */
export function standingOf({ status }: Pick<Principal, 'status'>, until: Instant | null, now: Instant): Standing {
  if (status === 'decommissioned') return 'out';
  if (until === null) return 'without';
  return until > now ? 'lit' : 'dark';
}

/** Why a principal is dark now. They are among the reasons of a forecast. */
export type DarkNow = 'in_grace' | 'ended' | 'revoked' | 'quarantined';

/** @param last the certificate that let it in last. */
export function whyDark(
  { status }: Pick<Principal, 'status'>,
  { state, notAfter }: Pick<Light, 'state' | 'notAfter'>,
  graceMs: number,
  now: Instant,
): DarkNow {
  if (status === 'quarantined') return 'quarantined';
  if (state === 'revoked' || state === 'retired') return 'revoked';
  return now < notAfter + graceMs ? 'in_grace' : 'ended';
}

/** How many days ahead is looked for whom will be dark: figures and metrics have these. */
export const foreseenDays = [7, 30, 90] as const;
export type ForeseenDays = (typeof foreseenDays)[number];
