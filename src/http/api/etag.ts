// Entity tags (RFC 9110, 8.8.3): of which record it is the version, where there is one, and of the answer as a whole. A change is held against the
// first part alone, so that a device that merely connects makes no change fail.
import { createHash } from 'node:crypto';
import { Refused } from './problem.ts';

const digits = 24;

export function entityTag(version: string | null, body: string): string {
  const of = createHash('sha256').update(body).digest('hex').slice(0, digits);
  return `"${version === null ? of : `${version}.${of}`}"`;
}

/** Does `If-None-Match` name it? */
export function isNamed(header: string | undefined, tag: string): boolean {
  return (header ?? '').split(',').some((each) => ['*', tag].includes(each.trim().replace(/^W\//, '')));
}

/** The version that `If-Match` names; null: any. Throws Refused `bad_request` where it is no tag of a record. */
export function versionIn(header: string | undefined): string | null {
  if (header === undefined || header.trim() === '*') return null;
  const [, version] = /^"([0-9a-f]{24})(?:\.[0-9a-f]{24})?"$/.exec(header.trim()) ?? [];
  if (version !== undefined) return version;
  throw new Refused('bad_request', ['If-Match: expected one entity tag of this resource, as a GET has it']);
}
