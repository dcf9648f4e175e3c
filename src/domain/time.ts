// Instants, durations and shares of a lifetime. Pure: the clock is always passed in.

/** A point in time, in Unix milliseconds. */
export type Instant = number;

/** A length of time: either absolute, or a share of some whole that the caller names. */
export type Span =
  | { readonly kind: 'duration'; readonly ms: number }
  | { readonly kind: 'share'; readonly share: number };

/** A day in milliseconds; without leap seconds, as Unix time has it. */
export const dayMs = 86_400_000;

const unitMs: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
  ['y', 365 * 86_400_000],
]);

/** One hundred years: no configured duration may be longer, so that sums of instants stay exact integers. */
export const durationMaxMs = 100 * 365 * 86_400_000;

/**
 * Reads a duration such as `90s`, `12h` or `7d` (units: ms, s, m, h, d, w, y of 365 days).
 * @returns milliseconds, or null when the text is not a duration between 0 and 100 years.
 */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h|d|w|y)$/.exec(text);
  if (!match) return null;
  const ms = Math.round(Number(match[1]) * (unitMs.get(match[2] ?? '') ?? Number.NaN));
  return ms <= durationMaxMs ? ms : null;
}

const date = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** Reads an ISO 8601 date, which means its beginning, or a date with a time; both in UTC unless it says otherwise. Null when it is none. */
export function parseDate(text: string): Instant | null {
  const [, day = '', time = '00:00', zone = 'Z'] = date.exec(text) ?? [];
  const instant = Date.parse(`${day}T${time}${zone}`);
  // The 31st of February is read as a day in March.
  const isThere = !Number.isNaN(instant) && new Date(`${day}T00:00Z`).toISOString().startsWith(day);
  return isThere ? instant : null;
}

/** Reads a duration, or a share such as `66%` (0% to 100%). Null when it is neither. */
export function parseSpan(text: string): Span | null {
  const share = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text);
  if (share) {
    const value = Number(share[1]) / 100;
    return value <= 1 ? { kind: 'share', share: value } : null;
  }
  const ms = parseDuration(text);
  return ms === null ? null : { kind: 'duration', ms };
}

/** The span's length in milliseconds when the whole it may be a share of is `wholeMs` long. */
export function spanMs(span: Span, wholeMs: number): number {
  return span.kind === 'duration' ? span.ms : Math.floor(span.share * wholeMs);
}

/** Writes milliseconds as the largest two units that matter, for people: `1d 4h`, `2m 5s`, `0s`. */
export function formatDuration(ms: number): string {
  const sign = ms < 0 ? '-' : '';
  let rest = Math.round(Math.abs(ms) / 1_000);
  const parts: string[] = [];
  for (const [name, size] of [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${name}`);
  }
  return sign + (parts.slice(0, 2).join(' ') || '0s');
}

/** Whole Unix seconds of an instant, rounded down, as the wire and X.509 have it. */
export function toSeconds(instant: Instant): number {
  return Math.floor(instant / 1_000);
}
