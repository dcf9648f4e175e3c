// The alert about those who will not have proved the next root in time: one for each owner, who is told of its own alone.
import type { Condition } from './alert.ts';
import { type RootPolicy, warnFrom } from './root-slots.ts';
import type { Instant } from './time.ts';
import { type UnprovedReason, unprovedReasons, unprovedRemedies } from './trust-proof.ts';
import type { Rollover } from './trust-shares.ts';

/** Those of one owner that will not have proved the root in time. */
export interface LateOwner {
  readonly count: number;
  readonly reasons: Readonly<Partial<Record<UnprovedReason, number>>>;
  /** The first of them. */
  readonly first: readonly string[];
}

/** The subject of what belongs to nobody, and the name under which the owners beyond the limit are counted together. */
export const noOwner = '(no owner)';
export const otherOwners = '(other owners)';

/** With less than this share of the warning's time left it is critical. */
const criticalShare = 1 / 4;
/** How often it is looked for: a share of the warning's time, within these bounds. */
const lookShare = 1 / 1_000;
const [lookLeastMs, lookMostMs] = [1_000, 3_600_000];

/** From when on somebody is told, and how often it is looked for. */
export function warning(
  { leaves }: Rollover,
  policy: RootPolicy,
): { readonly from: Instant; readonly everyMs: number } {
  const from = warnFrom(leaves, policy);
  return { from, everyMs: Math.min(lookMostMs, Math.max(lookLeastMs, (leaves.notAfter - from) * lookShare)) };
}

/** The reasons that are so, the most frequent first. */
export function reasonsOf(reasons: LateOwner['reasons']): [UnprovedReason, number][] {
  const all = Object.entries(reasons) as [UnprovedReason, number][];
  return all.filter(([, count]) => count > 0).toSorted((one, other) => other[1] - one[1]);
}

/** @param owner as the inventory names it; '': nobody. */
export function lateCondition(
  owner: string,
  { count, reasons, first }: LateOwner,
  { leaves, towards }: Rollover,
  policy: RootPolicy,
  now: Instant,
): Condition {
  const { from } = warning({ leaves, towards }, policy);
  const ends = new Date(leaves.notAfter).toISOString().replace(/\.\d+Z$/, 'Z');
  const why = reasonsOf(reasons).map(([reason, times]) => {
    return `${times}: ${unprovedReasons[reason]}; ${unprovedRemedies[reason]}`;
  });
  const more = count > first.length ? ` and ${count - first.length} more` : '';
  const detail = [
    `${count} will not have proved root ${towards.number} when root ${leaves.number} ends ${ends}: ${first.join(', ')}${more}`,
    ...why,
    'nolapse trust unproved root lists them',
  ].join('. ');
  const isCritical = leaves.notAfter - now < (leaves.notAfter - from) * criticalShare;
  return {
    kind: 'trust_unproved',
    subject: owner === '' ? noOwner : owner,
    severity: isCritical ? 'critical' : 'warning',
    detail,
    owner: owner === '' || owner === otherOwners ? null : owner,
  };
}
