// What a renewal was refused again and again: the last refusal of each who asked under it, the device itself and every gateway that
// speaks for it, so that the word of one never hides the other's.
import type { EnrollmentCode } from './errors.ts';
import type { PrincipalId } from './principal.ts';
import type { Instant } from './time.ts';

export interface RenewalRefusal {
  readonly renewalId: string;
  /** The gateway that was refused; null: the device itself. */
  readonly via: PrincipalId | null;
  readonly code: EnrollmentCode;
  readonly detail: string;
  /** Of an unbroken row of the same code and detail. */
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  readonly times: number;
  /** When the renewal moved on after it; null: it has not. */
  readonly overAt: Instant | null;
}

/** Several of the same refusals that are kept together. */
export interface Refused extends Pick<RenewalRefusal, 'code' | 'detail' | 'times' | 'firstAt' | 'lastAt'> {}

/** @param known what is kept of the same who asks. */
export function refusedAgain(
  renewalId: string,
  via: PrincipalId | null,
  known: RenewalRefusal | null,
  refused: Refused,
): RenewalRefusal {
  const { code, detail, lastAt, times } = refused;
  const goesOn = known !== null && known.overAt === null && known.code === code && known.detail === detail;
  const firstAt = goesOn ? known.firstAt : refused.firstAt;
  const before = goesOn ? known.times : 0;
  return { renewalId, via, code, detail, firstAt, lastAt, times: before + times, overAt: null };
}

/** Refused so often, its device is not expected to get on by asking once more. */
export const refusedOften = 3;

/** The one that tells why a renewal does not move: the device's own where there is one, else the newest. */
export function standingRefusal(refusals: readonly RenewalRefusal[]): RenewalRefusal | null {
  const standing = refusals.filter(({ overAt }) => overAt === null).sort((a, b) => b.lastAt - a.lastAt);
  return standing.find(({ via }) => via === null) ?? standing[0] ?? null;
}

/** What an alert says of a refusal, before how often: that alone changes all the time. */
export function refusalWords({ code, detail, via }: Pick<RenewalRefusal, 'code' | 'detail' | 'via'>): string {
  return `refused: ${code}${detail ? ` (${detail})` : ''}${via === null ? '' : `, through ${via}`}`;
}
