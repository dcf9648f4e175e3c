// How long a server asks to be left alone: the header Retry-After of an answer (RFC 9110, 10.2.3).
import type { Instant } from './time.ts';

/** No server is obeyed for longer: what somebody must hear waits meanwhile. */
export const retryAfterMaxMs = 3_600_000;

/** The three forms a date has in HTTP, all of them in GMT (RFC 9110, 5.6.7), without which `Date.parse` would take much else for one. */
const httpDate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [\dA-Za-z :-]+$/;

function dateOf(text: string | undefined): Instant | null {
  if (text === undefined || text.length > 64 || !httpDate.test(text)) return null;
  // asctime's form says nothing of a zone, and means GMT.
  const at = Date.parse(/GMT$/.test(text) ? text : `${text} GMT`);
  return Number.isNaN(at) ? null : at;
}

/**
 * The pause in milliseconds, at most {@link retryAfterMaxMs}; null: none is asked for, or in no form there is.
 * @param header seconds, or a date, which is reckoned from the answer's own `Date` where it has one: clocks differ.
 */
export function retryAfterMs(header: string | undefined, date: string | undefined, now: Instant): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : until(dateOf(text), dateOf(date) ?? now);
  return ms === null ? null : Math.min(retryAfterMaxMs, Math.max(0, ms));
}

function until(at: Instant | null, from: Instant): number | null {
  return at === null ? null : at - from;
}
