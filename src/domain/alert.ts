// The life of an alert: raised, updated, acknowledged, cleared. What is still so at the next sweep is not told again.
import { isRepeated, withAddress } from './alert-repeated.ts';
import type { PrincipalId } from './principal.ts';
import { dayMs, type Instant } from './time.ts';

export const severities = ['warning', 'critical'] as const;
export type Severity = (typeof severities)[number];

/** What the subject of an alert is: a principal, somebody who may be none, an owner, an inventory source, a campaign, or part of the broker. */
type Concern = 'principal' | 'stranger' | 'owner' | 'source' | 'campaign' | 'gateway';

interface KindFacts {
  readonly meaning: string;
  readonly about: Concern;
  readonly quietMs: number | null;
}

/**
 * Every kind of alert, what it means, and how long after it was last seen one that nothing else clears is over; null: it is
 * cleared when what it tells of is no longer so. docs/operations.md has a runbook for each, and a test holds the two together.
 */
export const alertKinds = {
  expiry_approaching: {
    meaning: 'a certificate in use is near its end and has no replacement yet',
    about: 'principal',
    quietMs: null,
  },
  renewal_overdue: {
    meaning: 'a renewal is open for longer than its policy expects',
    about: 'principal',
    quietMs: null,
  },
  renewal_failed: {
    meaning: 'a device reported that it could not install its replacement, or no replacement can be made for it',
    about: 'principal',
    quietMs: null,
  },
  installed_not_activated: {
    meaning: 'a replacement was acknowledged as installed and not seen since',
    about: 'principal',
    quietMs: null,
  },
  lapsed: {
    meaning: 'a certificate ended or was revoked while its device was active in the inventory, and none lets it in',
    about: 'principal',
    quietMs: null,
  },
  retired_credential_in_use: {
    meaning: 'somebody presented a certificate that was replaced: a clone, or a rollback',
    about: 'principal',
    quietMs: dayMs,
  },
  credential_contested: {
    meaning: 'two holders of one credential take its client id from each other',
    about: 'principal',
    quietMs: 3_600_000,
  },
  unknown_identity: {
    meaning: 'an unknown or decommissioned identity tries to connect',
    about: 'stranger',
    quietMs: dayMs,
  },
  disconnected_repeatedly: {
    meaning: 'a device is disconnected again and again, and may not get to its renewal',
    about: 'principal',
    quietMs: 3_600_000,
  },
  no_owner: { meaning: 'an active device has no owner: nobody would be told', about: 'principal', quietMs: null },
  source_failed: {
    meaning: 'an inventory source could not be read, or lacks too much of the fleet',
    about: 'source',
    quietMs: null,
  },
  authority_down: { meaning: 'the issuing CA does not sign', about: 'gateway', quietMs: null },
  revocation_untold: {
    meaning: 'the CA elsewhere was not told of a revocation: others may still accept that certificate',
    about: 'gateway',
    quietMs: null,
  },
  ledger_unwritable: {
    meaning: 'the ledger takes no writes: the disk is full, read-only or broken',
    about: 'gateway',
    quietMs: null,
  },
  log_unwritable: {
    meaning: 'log lines are not written: the disk is full, or the reader has ended or does not read',
    about: 'gateway',
    quietMs: null,
  },
  issued_unwritable: {
    meaning: 'the file of issued certificates takes no lines: a backup could not be completed from it',
    about: 'gateway',
    quietMs: null,
  },
  descriptors_short: {
    meaning: 'the process is running out of file descriptors, and will refuse connections',
    about: 'gateway',
    quietMs: null,
  },
  home_exposed: {
    meaning: 'another user can write the home or its PKI, or a link leads out of it',
    about: 'gateway',
    quietMs: null,
  },
  ledger_damaged: {
    meaning: "the ledger's file is damaged: what it says cannot be relied on",
    about: 'gateway',
    quietMs: null,
  },
  rollout_stopped: { meaning: 'a campaign stopped by itself', about: 'campaign', quietMs: null },
  own_certificate: {
    meaning: "the gateway's own CRL, server, issuing or root certificate is near its end",
    about: 'gateway',
    quietMs: null,
  },
  trust_step: {
    meaning: 'a step in which one CA takes the place of another waits for an operator, or failed',
    about: 'gateway',
    quietMs: null,
  },
  trust_unproved: {
    meaning: 'devices of an owner will not have proved the next root when the root that they trust ends',
    about: 'owner',
    quietMs: null,
  },
  delegation_short: {
    meaning: 'the delegations of a site gateway end, or allow fewer renewals than the devices behind it need',
    about: 'principal',
    quietMs: null,
  },
  too_little_time: {
    meaning: 'a decision leaves certificates too little time to be replaced, or was refused because it would',
    about: 'gateway',
    quietMs: dayMs,
  },
  ledger_stale: {
    meaning:
      'the gateway started with a ledger that was last written long ago: it was stopped, or its home was restored',
    about: 'gateway',
    quietMs: dayMs,
  },
  connections_refused: {
    meaning: 'connections from addresses of known devices are refused because of a limit',
    about: 'gateway',
    quietMs: 3_600_000,
  },
  handshakes_failing: {
    meaning: 'TLS handshakes from addresses of known devices fail in numbers',
    about: 'gateway',
    quietMs: 3_600_000,
  },
  clock_moved: { meaning: "the gateway's clock jumped", about: 'gateway', quietMs: dayMs },
} as const satisfies Record<string, KindFacts>;
export type AlertKind = keyof typeof alertKinds;

/** What was found to be so. */
export interface Condition {
  readonly kind: AlertKind;
  /** Whom or what it is about: a principal's id, a source, a certificate's role. With the kind it names the alert. */
  readonly subject: string;
  readonly severity: Severity;
  /** One sentence for people; figures that change by the minute do not belong into it. */
  readonly detail: string;
  /** Who is to be told, as far as the inventory knows. */
  readonly owner: string | null;
}

export interface Alert extends Condition {
  readonly raisedAt: Instant;
  /** When severity or detail last changed. */
  readonly updatedAt: Instant;
  /** When it was last found to be so. */
  readonly seenAt: Instant;
  readonly acknowledgedAt: Instant | null;
  readonly acknowledgedBy: string | null;
  readonly clearedAt: Instant | null;
}

/** What names an alert, one of its kind for each subject; and its place in the order of all. */
export type AlertName = Pick<Condition, 'kind' | 'subject'>;

export function alertKey({ kind, subject }: AlertName): string {
  return `${kind}/${subject}`;
}

/** Kinds of alerts that can be about a principal of the inventory. */
export const kindsOfPrincipals: readonly AlertKind[] = (Object.keys(alertKinds) as AlertKind[]).filter((kind) =>
  ['principal', 'stranger'].includes(alertKinds[kind].about),
);

/** The principal an alert is about; null: none that is certain to be one. */
export function principalOf({ kind, subject }: AlertName): PrincipalId | null {
  return alertKinds[kind].about === 'principal' ? (subject as PrincipalId) : null;
}

/** What people and machines are told. */
export type AlertEvent = 'raised' | 'updated' | 'acknowledged' | 'cleared';

/** What sinks that sort alerts, and find them again, do so by. */
export type AlertMarks = Pick<Alert, 'severity' | 'owner'>;

/** An alert as sinks are told of it. */
export interface ToldAlert extends Alert {
  /** How it was marked until then, where that has changed: what stands under the old marks is over. */
  readonly was?: AlertMarks;
}

export interface AlertStep {
  readonly alert: Alert;
  /** Null: nothing anybody has to hear of. */
  readonly event: AlertEvent | null;
}

/**
 * An event comes again and again, from here and from there: its alert stands as it was raised, unless it is worse now. So does for a
 * while one that has a device's own words, an address, or a count. Whose it is, is as it is now.
 */
function asRaised(known: Alert, condition: Condition, now: Instant): Condition {
  const isEvent = alertKinds[condition.kind].quietMs !== null && !withAddress.has(condition.kind);
  const worse = known.severity === 'warning' && condition.severity === 'critical';
  return (isEvent || isRepeated(known, condition, now)) && !worse ? { ...known, owner: condition.owner } : condition;
}

/** The condition was met at `now`; `known` is the alert of this name, if there ever was one. */
export function observe(known: Alert | null, condition: Condition, now: Instant): AlertStep {
  if (known === null || known.clearedAt !== null) {
    const fresh = {
      raisedAt: now,
      updatedAt: now,
      seenAt: now,
      acknowledgedAt: null,
      acknowledgedBy: null,
      clearedAt: null,
    };
    return { alert: { ...condition, ...fresh }, event: 'raised' };
  }
  const { severity, detail, owner } = asRaised(known, condition, now);
  const same = known.severity === severity && known.detail === detail && known.owner === owner;
  if (same) return { alert: { ...known, seenAt: now }, event: null };
  // What has become worse is nobody's acknowledged business any more.
  const worse = known.severity === 'warning' && severity === 'critical';
  const answered = worse ? { acknowledgedAt: null, acknowledgedBy: null } : {};
  return { alert: { ...known, severity, detail, owner, ...answered, updatedAt: now, seenAt: now }, event: 'updated' };
}

/** Its subject has another owner. What tells that there is none is not handed over: it is over. */
export function handOver(alert: Alert, owner: string | null, now: Instant): AlertStep {
  if (alert.clearedAt !== null || alert.owner === owner || alert.kind === 'no_owner') return { alert, event: null };
  return { alert: { ...alert, owner, updatedAt: now }, event: 'updated' };
}

/** How an alert was marked before a step, where the step changes that. */
export function marksLeft(known: Alert | null, { event, alert }: AlertStep): AlertMarks | null {
  if (known === null || event !== 'updated') return null;
  const { severity, owner } = known;
  return severity === alert.severity && owner === alert.owner ? null : { severity, owner };
}

/** Somebody takes it on, or over from whoever had. The same name twice is once; a cleared alert stays cleared. */
export function acknowledge(alert: Alert, by: string, now: Instant): AlertStep {
  if (alert.clearedAt !== null || alert.acknowledgedBy === by) return { alert, event: null };
  return { alert: { ...alert, acknowledgedAt: now, acknowledgedBy: by }, event: 'acknowledged' };
}

/** It is no longer so, or somebody says that it is done with. */
export function clear(alert: Alert, now: Instant): AlertStep {
  if (alert.clearedAt !== null) return { alert, event: null };
  return { alert: { ...alert, clearedAt: now }, event: 'cleared' };
}

/** That an event came again is noted this often: whoever brings it about may do so all day. */
const notedEveryMs = 60_000;

/** Was it seen so lately that seeing it again need not be noted? */
export function isFresh({ clearedAt, seenAt }: Alert, now: Instant): boolean {
  return clearedAt === null && Math.abs(now - seenAt) < notedEveryMs;
}

/** Is an alert that tells of an event, not of a condition, over because the event did not come again? */
export function isOver(alert: Alert, now: Instant): boolean {
  const { quietMs } = alertKinds[alert.kind];
  return quietMs !== null && alert.clearedAt === null && alert.seenAt + quietMs <= now;
}
