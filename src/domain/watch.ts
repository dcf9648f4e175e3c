// What is wrong with one principal, as far as somebody must be told: each alert about it in its one wording, and when it must be
// looked at again because time alone may make something wrong.
import type { AlertKind, Condition, Severity } from './alert.ts';
import type { LedgerEntry } from './certificate.ts';
import { activateBy, type Comings, expiryAlerts, overdueAt } from './deadlines.ts';
import { graceMs, type Policy } from './policy.ts';
import type { Principal } from './principal.ts';
import { type RenewalRefusal, refusalWords, standingRefusal } from './refusal.ts';
import { isOpen, type Renewal } from './renewal.ts';
import { type Light, lightsUntil, litUntil, standingOf, whyDark } from './standing.ts';
import type { Instant } from './time.ts';

/** Control and format characters, halves of characters, and what begins another line. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;
/** Characters of what a device said of itself that an alert carries. */
const saidMax = 200;

export interface WatchedRenewal
  extends Pick<Renewal, 'id' | 'state' | 'oldFingerprint' | 'createdAt' | 'updatedAt' | 'deadline' | 'lapsedAt'> {
  /** Since when its device is waited for: a campaign may have held it back until then. */
  readonly awaitedFrom: Instant;
  /** What was refused under it. */
  readonly refusals?: readonly RenewalRefusal[];
}

export interface WatchFacts extends Comings {
  readonly principal: Principal;
  /** Living and expired ones, the oldest first; and the one that let it in last, where that is neither. */
  readonly certificates: readonly (Light &
    Pick<LedgerEntry, 'fingerprint' | 'serial' | 'notBefore' | 'issuedAt' | 'renewAt'>)[];
  /** Those that have not ended. */
  readonly renewals: readonly WatchedRenewal[];
  readonly policy: Policy;
  readonly now: Instant;
}

/** What a look brings: what is so now, and of one kind when it will be if nothing changes before. */
interface Look {
  readonly condition: Condition | null;
  /** Null: time alone changes nothing. */
  readonly nextAt: Instant | null;
}

const nothing: Look = { condition: null, nextAt: null };

function about(principal: Principal, kind: AlertKind, severity: Severity, detail: string): Condition {
  const { id, owner } = principal;
  return { kind, subject: id, severity, detail, owner: owner.trim() === '' ? null : owner };
}

function day(at: Instant): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The one in use, if there is one: of those that are active the one that ends last. */
function inUse({ certificates, now }: WatchFacts) {
  const active = certificates.filter(({ state, notAfter }) => state === 'active' && notAfter > now);
  return active.toSorted((one, other) => one.notAfter - other.notAfter).at(-1);
}

const expiryApproaching = (facts: WatchFacts): Look => {
  const { principal, renewals, policy, now } = facts;
  const current = inUse(facts);
  if (!current) return nothing;
  const { notAfter, renewAt, fingerprint } = current;
  const renewal = renewals.find((each) => isOpen(each) && each.oldFingerprint === fingerprint);
  const { warnAt, alarmAt } = expiryAlerts(current, renewAt ?? renewal?.createdAt ?? null, policy);
  if (now < warnAt) return { condition: null, nextAt: Math.min(warnAt, notAfter) };
  const isAlarm = now >= alarmAt;
  const detail = `its certificate ends ${day(notAfter)}, and no replacement is in use`;
  return {
    condition: about(principal, 'expiry_approaching', isAlarm ? 'critical' : 'warning', detail),
    nextAt: isAlarm ? notAfter : Math.min(alarmAt, notAfter),
  };
};

/** Where its device is there and is refused, that is what somebody has to see to. */
function refusedSince({ refusals = [] }: WatchedRenewal): string {
  const refusal = standingRefusal(refusals);
  if (!refusal) return '';
  const { times, lastAt } = refusal;
  const said = refusalWords(refusal).slice(0, saidMax).replaceAll(unprintable, '?');
  return `; ${said}, ${times} ${times === 1 ? 'time' : 'times'}, last at ${day(lastAt)}`;
}

/** A renewal that has lapsed is told of by that. */
const renewalOverdue = ({ principal, certificates, renewals, gaps, policy, now }: WatchFacts): Look => {
  const [oldest] = renewals
    .filter(({ state, lapsedAt }) => isOpen({ state }) && lapsedAt === null)
    .sort((a, b) => a.awaitedFrom - b.awaitedFrom);
  if (!oldest) return nothing;
  const replaced = certificates.find(({ fingerprint }) => fingerprint === oldest.oldFingerprint) ?? null;
  const at = overdueAt(oldest.awaitedFrom, gaps, policy, replaced);
  if (now < at) return { condition: null, nextAt: at };
  const detail = `its renewal ${oldest.id} is open since ${day(oldest.createdAt)}${refusedSince(oldest)}`;
  return { condition: about(principal, 'renewal_overdue', 'warning', detail), nextAt: null };
};

const installedNotActivated = (facts: WatchFacts): Look => {
  const { principal, renewals, policy, now } = facts;
  const installed = renewals.find(({ state }) => state === 'installed');
  if (!installed) return nothing;
  const lapsed = installed.lapsedAt !== null;
  const by = activateBy({ installedAt: installed.updatedAt, oldEndsAt: installed.deadline }, facts, policy);
  if (now < by && !lapsed) return { condition: null, nextAt: by };
  const detail = `it reported that it installed the replacement of renewal ${installed.id}, and was not seen with it`;
  return {
    condition: about(principal, 'installed_not_activated', lapsed ? 'critical' : 'warning', detail),
    nextAt: null,
  };
};

const lapsedWords = {
  in_grace: (at: string) =>
    `its certificate ended ${at} before a replacement was in use; it may come in to renew until grace ends`,
  ended: (at: string) => `its certificate ended ${at}, and grace has ended too: it needs a certificate by hand`,
  revoked: (at: string) =>
    `its certificate was revoked or retired ${at}, and no other is in use: it needs a certificate by hand`,
} as const;

/** Dark as {@link standingOf} has it; until then its end is waited for. */
const hasLapsed = ({ principal, certificates, policy, now }: WatchFacts): Look => {
  const until = litUntil(certificates);
  if (until === null || until > now) return { condition: null, nextAt: until };
  const last = certificates.findLast((each) => lightsUntil(each) === until);
  const why =
    last && standingOf(principal, until, now) === 'dark' ? whyDark(principal, last, graceMs(policy), now) : null;
  if (!last || why === null || why === 'quarantined') return nothing;
  return {
    condition: about(principal, 'lapsed', 'critical', lapsedWords[why](day(until))),
    nextAt: why === 'in_grace' ? last.notAfter + graceMs(policy) : null,
  };
};

const hasNoOwner = ({ principal }: WatchFacts): Look =>
  principal.owner.trim() === ''
    ? { condition: about(principal, 'no_owner', 'warning', 'it has no owner'), nextAt: null }
    : nothing;

const watchers = {
  expiry_approaching: expiryApproaching,
  renewal_overdue: renewalOverdue,
  installed_not_activated: installedNotActivated,
  lapsed: hasLapsed,
  no_owner: hasNoOwner,
} as const satisfies Partial<Record<AlertKind, (facts: WatchFacts) => Look>>;

/** The kinds of alerts about a principal that a look at it raises and clears. */
export const watchedKinds = Object.keys(watchers) as (keyof typeof watchers)[];

/** What is so of a principal, by kind, and when time alone may change it; null: at no time. Of one that is not in service, nothing is. */
export function watch(facts: WatchFacts): {
  readonly conditions: ReadonlyMap<AlertKind, Condition>;
  readonly nextAt: Instant | null;
} {
  const conditions = new Map<AlertKind, Condition>();
  let nextAt: Instant | null = null;
  if (facts.principal.status !== 'active') return { conditions, nextAt };
  for (const kind of watchedKinds) {
    const look = watchers[kind](facts);
    if (look.condition) conditions.set(kind, look.condition);
    if (look.nextAt !== null) nextAt = Math.min(nextAt ?? look.nextAt, look.nextAt);
  }
  return { conditions, nextAt };
}

/** Does a failure that was told of still matter? Not once nothing is being replaced any more. */
export function failureIsOver({
  principal,
  renewals,
}: {
  readonly principal: Principal;
  readonly renewals: readonly Pick<Renewal, 'state'>[];
}): boolean {
  return principal.status !== 'active' || !renewals.some(({ state }) => isOpen({ state }));
}

/** @param code what the failure is called, where it has a name; with what was said about it. */
export function renewalFailed(principal: Principal, code: string | null, said: string): Condition {
  const detail = [code, said].filter((part) => part).join(': ');
  return about(principal, 'renewal_failed', 'warning', detail.slice(0, saidMax).replaceAll(unprintable, '?'));
}
