// When an alert that stands is not told anew although it says something else: what a device said, where somebody came from and how many
// there are may be another thing at each look, and people are told so often at most.
import { dayMs, type Instant } from './time.ts';

const hourMs = 3_600_000;

interface Said {
  readonly kind: string;
  readonly detail: string;
}

/** Events whose detail names where somebody comes from. */
export const withAddress: ReadonlySet<string> = new Set(['retired_credential_in_use', 'credential_contested']);

/** How long the same is not said anew, by kind; 0: it is at once. */
function quietMsOf(known: Said, { kind, detail }: Said): number {
  // How many are concerned may change by the hour, over a year.
  if (kind === 'trust_unproved') return dayMs;
  if (kind === 'renewal_failed' || withAddress.has(kind)) return hourMs;
  if (uncounted(known.detail) !== uncounted(detail)) return 0;
  if (kind === 'trust_step') return dayMs;
  return kind === 'renewal_overdue' ? hourMs : 0;
}

/** A refusal without how often and when last, and a step of a root without how many are not ready for it. */
function uncounted(detail: string): string {
  return detail.replace(/, \d+ times?, last at \S+$/, '').replace(/ yet: \d+,/, ' yet,');
}

/** Was the like said so lately that it need not be said anew? */
export function isRepeated(known: Said & { readonly updatedAt: Instant }, condition: Said, now: Instant): boolean {
  return Math.abs(now - known.updatedAt) < quietMsOf(known, condition);
}
