// When what the broker itself depends on ends, and how loudly that is told: everything that has an end is one value here, whoever shows it.
// Devices are renewed by what stands here, so it comes before them.
import type { Severity } from './alert.ts';
import type { Instant } from './time.ts';

/**
 * What can end. `server`, `server_second`: the server's certificate on each port. `issuing`: the CA that signs now, with an authority
 * elsewhere all that it shows below its root. `crl`: lists of issuing CAs; `root_crl`: of roots. `anchor`: certificates that introduce
 * strangers.
 */
export const deadlineKinds = [
  'root',
  'root_next',
  'root_former',
  'issuing',
  'issuing_other',
  'server',
  'server_second',
  'cross',
  'crl',
  'root_crl',
  'anchor',
] as const;
export type DeadlineKind = (typeof deadlineKinds)[number];

export interface Deadline {
  readonly kind: DeadlineKind;
  /** What it is called; no two have the same. */
  readonly subject: string;
  readonly beginsAt: Instant;
  readonly endsAt: Instant;
  /** From when on somebody is warned; null: at the usual share of its life. */
  readonly warnAt?: Instant | null;
  /** How long before its end it becomes of less use: what it signs is to live for so long. */
  readonly neededMs?: number;
  /** Is its end nobody's concern? It is shown and raises nothing. */
  readonly isQuiet?: boolean;
  /** What to do, with the command; null: it is done by itself. */
  readonly todo?: string | null;
  /** What is known about it beside its end. */
  readonly remark?: string | null;
}

/** Share of a life that must be left for it to be well. The server's certificate is renewed while a third is left, a list while a half is. */
export const wellShare = 1 / 4;
/** With less than this share left it is critical. */
export const criticalShare = 1 / 20;

export interface JudgedDeadline extends Deadline {
  readonly level: 'ok' | 'warning' | 'error';
  readonly severity: Severity;
  /** Does not change by the minute. */
  readonly detail: string;
  /** Until its end; null: it has ended, or not begun. */
  readonly leftMs: number | null;
}

const iso = (instant: Instant): string => new Date(instant).toISOString();

/** When somebody is warned, and when it becomes critical: with little time left it is, whatever holds the warning back. */
export function alertTimes({ beginsAt, endsAt, warnAt = null }: Deadline): {
  readonly warnAt: Instant;
  readonly criticalAt: Instant;
} {
  const lifeMs = endsAt - beginsAt;
  const criticalAt = endsAt - lifeMs * criticalShare;
  return { warnAt: Math.min(warnAt ?? endsAt - lifeMs * wellShare, criticalAt), criticalAt };
}

export function judge(deadline: Deadline, now: Instant): JudgedDeadline {
  const { beginsAt, endsAt, neededMs = 0, isQuiet = false, todo = null, remark = null } = deadline;
  const said = (...parts: readonly (string | null)[]): string => parts.filter((each) => each !== null).join('; ');
  const bad = { ...deadline, level: 'error', severity: 'critical', leftMs: null } as const;
  if (isQuiet) {
    const words = endsAt <= now ? `ended ${iso(endsAt)}` : `ends ${iso(endsAt)}`;
    return {
      ...deadline,
      level: 'ok',
      severity: 'warning',
      detail: said(words, remark),
      leftMs: Math.max(0, endsAt - now),
    };
  }
  if (beginsAt > now) return { ...bad, detail: `begins ${iso(beginsAt)}: is the clock right?` };
  if (endsAt <= now) return { ...bad, detail: said(`ended ${iso(endsAt)}`, remark, todo) };
  const { warnAt, criticalAt } = alertTimes(deadline);
  const isShort = endsAt - now < neededMs;
  const words = isShort ? `new certificates are cut short, because it ends ${iso(endsAt)}` : `ends ${iso(endsAt)}`;
  const level = isShort || now > warnAt ? 'warning' : 'ok';
  // What is well needs nobody.
  const detail = said(words, remark, level === 'ok' ? null : todo);
  return { ...deadline, level, severity: now > criticalAt ? 'critical' : 'warning', detail, leftMs: endsAt - now };
}

/** The first to end of each kind: what a gauge shows. */
export function firstOfEach(deadlines: readonly Deadline[]): Map<DeadlineKind, Instant> {
  const first = new Map<DeadlineKind, Instant>();
  for (const { kind, endsAt, isQuiet } of deadlines) {
    if (!isQuiet) first.set(kind, Math.min(endsAt, first.get(kind) ?? endsAt));
  }
  return first;
}
