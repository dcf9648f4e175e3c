// Reads what right somebody wants to give, and until when. Nobody gives more than they have.
import { isWithin, namedMax, type Right } from '../../domain/access-right.ts';
import { type ApiCredential, credentialNameRule, isCredentialName } from '../../domain/api-credential.ts';
import { type Instant, parseDate, parseDuration } from '../../domain/time.ts';
import { OperationError } from '../operation-error.ts';
import type { AskedRight, Caller, CredentialView } from '../views/access.ts';

const textMax = 128;
/** Longer than anybody keeps a token. */
const lifeMaxMs = 3_650 * 86_400_000;

function namesIn(key: 'owners' | 'sites', given: readonly string[] | undefined, faults: string[]): string[] | null {
  if (given === undefined) return null;
  const names = [...new Set(given)];
  if (names.length === 0 || names.length > namedMax) faults.push(`${key}: expected 1 to ${namedMax} names`);
  if (names.some((name) => name === '' || name.length > textMax || /\p{C}/u.test(name))) {
    faults.push(`${key}: expected names of 1 to ${textMax} printable characters`);
  }
  return names;
}

function endIn(until: string, now: Instant, faults: string[]): Instant {
  const duration = parseDuration(until);
  const endsAt = duration === null ? parseDate(until) : now + duration;
  if (endsAt === null) faults.push('until: not a duration such as 90d, or a date such as 2030-01-31');
  else if (endsAt <= now) faults.push('until: not in the future');
  else if (endsAt > now + lifeMaxMs) faults.push('until: more than 10 years ahead');
  return endsAt ?? now;
}

/**
 * Rejects with `invalid` and every fault, or with `forbidden` where it is more than the caller has, or would last longer.
 * @param caller null: somebody on the gateway itself, who may give everything.
 */
export function readAskedRight(
  { permission, owners, sites, name, until }: AskedRight & { readonly name: string; readonly until: string },
  caller: Caller | null,
  now: Instant,
): Right & { readonly endsAt: Instant } {
  const faults: string[] = [];
  if (!isCredentialName(name)) faults.push(`name: ${credentialNameRule}`);
  const right: Right = {
    permission,
    owners: namesIn('owners', owners, faults),
    sites: namesIn('sites', sites, faults),
  };
  const endsAt = endIn(until, now, faults);
  if (faults.length > 0) throw new OperationError('invalid', faults);
  if (caller && !isWithin(right, caller.credential)) {
    throw new OperationError('forbidden', ['a token may do no more than what makes it: ask for less']);
  }
  if (caller && endsAt > caller.credential.endsAt) {
    const end = new Date(caller.credential.endsAt).toISOString();
    throw new OperationError('forbidden', [`a token lasts no longer than what makes it: until ${end}`]);
  }
  return { ...right, endsAt };
}

/** What a right is for, in words. */
export function rightWords({ permission, owners, sites }: Right): string {
  const of = owners ? ` for devices of ${owners.join(', ')}` : '';
  const at = sites ? ` at ${sites.join(', ')}` : '';
  return `${permission}${of}${at}`;
}

export function credentialView({ digest: _, kind: __, ...credential }: ApiCredential, now: Instant): CredentialView {
  const { revokedAt, endsAt } = credential;
  return { ...credential, state: revokedAt !== null ? 'revoked' : endsAt <= now ? 'ended' : 'live' };
}
