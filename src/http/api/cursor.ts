// What the next page of a list is asked after, written so that nobody takes it for anything else.
import { Refused } from './problem.ts';

export function cursorOf(key: string): string {
  return Buffer.from(key).toString('base64url');
}

/** Throws Refused `bad_request` for what {@link cursorOf} did not write. */
export function readCursor(text: unknown): string {
  const key = typeof text === 'string' && /^[A-Za-z0-9_-]{0,1400}$/.test(text) ? Buffer.from(text, 'base64url') : null;
  const read = key?.toString('utf8') ?? null;
  if (read !== null && cursorOf(read) === text) return read;
  throw new Refused('bad_request', ['after: not the "next" of a page']);
}
