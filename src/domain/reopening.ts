// May a device that reports its replacement as unusable be given another, although the broker has seen it? One ordered list of checks
// over values; the first that objects decides. What a thief of the old key could gain by it is why the list is long.
import type { Fingerprint, LedgerEntry } from './certificate.ts';
import type { PrincipalStatus } from './principal.ts';
import type { Renewal } from './renewal.ts';
import type { Instant } from './time.ts';

export interface ReopeningFacts {
  readonly renewal: Pick<Renewal, 'state' | 'oldFingerprint'>;
  readonly status: PrincipalStatus;
  /** The certificate of the session that says so; null: a site gateway says it, or a stranger that an anchor introduced. */
  readonly speaksUnder: Fingerprint | null;
  /** The certificate that was replaced, and its replacement. */
  readonly old: Pick<LedgerEntry, 'state' | 'overlapUntil' | 'notAfter'> | null;
  readonly replacement: Pick<LedgerEntry, 'state'> | null;
  /** Is a connection open that was made with the replacement? Then somebody can use it. */
  readonly isInUse: boolean;
  /** Is a key of either not to be trusted: revoked for it, or to be replaced for it by a campaign? */
  readonly isCompromised: boolean;
  readonly now: Instant;
}

type Check = (facts: ReopeningFacts) => string | null;

const hasBeenSeen: Check = ({ renewal }) => (renewal.state === 'activated' ? null : 'this renewal has ended');

const speaksForItself: Check = ({ renewal, speaksUnder }) =>
  speaksUnder !== null && speaksUnder === renewal.oldFingerprint
    ? null
    : 'the replacement is in use; only a connection with the certificate it replaced can say that it is not';

const isInService: Check = ({ status }) => (status === 'active' ? null : 'this renewal has ended');

const overlaps: Check = ({ old, now }) =>
  old?.state === 'superseded' && (old.overlapUntil ?? 0) > now && old.notAfter > now
    ? null
    : 'the overlap of the certificate it replaced has ended';

const stillStands: Check = ({ replacement }) =>
  replacement?.state === 'active' ? null : 'the replacement was revoked or replaced';

const isNotInUse: Check = ({ isInUse }) => (isInUse ? 'the replacement is in use now: connect with it' : null);

const isTrusted: Check = ({ isCompromised }) => (isCompromised ? 'a key of this device is not to be trusted' : null);

const checks: readonly Check[] = [
  hasBeenSeen,
  speaksForItself,
  isInService,
  overlaps,
  stillStands,
  isNotInUse,
  isTrusted,
];

/** @returns why not; null: it may, if it has not been given one before. */
export function objectToReopening(facts: ReopeningFacts): string | null {
  for (const check of checks) {
    const objection = check(facts);
    if (objection !== null) return objection;
  }
  return null;
}

/** Has the device spoken under the replacement, and since it reported that it could not use it, if it ever did? */
export function isHeard({ heardAt, reopenedAt }: Pick<Renewal, 'heardAt' | 'reopenedAt'>): boolean {
  return heardAt !== null && (reopenedAt === null || heardAt > reopenedAt);
}
