// How answers look: aligned and readable for people, exact as JSON. Nothing else writes to standard output.
import { formatDuration } from '../domain/time.ts';
import { printableJson, unprintable } from '../telemetry/printable.ts';

export type Format = 'human' | 'json';

/** Text from the inventory or a device, without what would move a terminal's cursor, colour it, or turn the direction it is written in. */
export function plain(text: string): string {
  return text.replaceAll(unprintable, '?');
}

/** A cell or field; a dash for what there is not. */
export function cell(value: string | number | null | undefined): string {
  return value === null || value === undefined || value === '' ? '-' : plain(String(value));
}

/** ISO 8601 in UTC, to the second. */
export function time(instant: number | null | undefined): string {
  if (instant === null || instant === undefined) return '-';
  return new Date(instant).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** How long until then: `in 3d 4h`, `2h 5m ago`. */
export function fromNow(instant: number | null | undefined, now: number): string {
  if (instant === null || instant === undefined) return '-';
  if (Math.abs(instant - now) < 1_000) return 'now';
  return instant >= now ? `in ${formatDuration(instant - now)}` : `${formatDuration(now - instant)} ago`;
}

/** When, and how long until then. */
export function moment(instant: number | null, now: number): string {
  return instant === null ? '-' : `${time(instant)} (${fromNow(instant, now)})`;
}

/** One field a line, the values aligned. */
export function fields(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}

/** Writes the answer: `value` as it is, or as `human` words it. */
export function answer(format: Format, value: unknown, human: () => string): void {
  process.stdout.write(format === 'json' ? `${printableJson(JSON.stringify(value, null, 2))}\n` : human());
}

/** Writes a list. Of one that is empty a person is told so, beside the answer; JSON says it by itself. */
export function answerList(format: Format, of: string, list: readonly unknown[], human: () => string): void {
  answer(format, list, human);
  if (list.length === 0 && format === 'human') remark(`no ${of} found`);
}

/** A remark for the person, apart from the answer. */
export function remark(message: string): void {
  process.stderr.write(`nolapse: ${plain(message)}\n`);
}
