// Asks the authority for a certificate, and believes its answer only where it is what was asked for: it is outside, or will be.
import type { LedgerEntry } from '../../domain/certificate.ts';
import { putOffMaxMs } from '../../domain/effect.ts';
import { NolapseError } from '../../domain/errors.ts';
import { issuedEntry, objectToIssued } from '../../domain/issued-entry.ts';
import { firstIssuer } from '../../domain/issuing-slots.ts';
import type { ApprovedRequest } from '../../domain/request.ts';
import type { RevocationList } from '../../domain/revocation-list.ts';
import { readIssued } from '../../pki/issued.ts';
import type { Authority, Chain } from '../../ports/authority.ts';
import type { Context } from '../context.ts';

export type Answer =
  | { readonly kind: 'issued'; readonly entry: LedgerEntry; readonly chain: Chain }
  | { readonly kind: 'pending'; readonly askAgainMs: number };

/** An authority is asked again no more often than this, and no more rarely, whatever it says. */
const askAgainLeastMs = 1_000;
const askAgainMostMs = putOffMaxMs;

function readingOf(authority: Authority, issuer: Uint8Array) {
  if (authority.signsHere) return { issuer: null, ownSerials: true };
  const isOurs = authority.trust().issuers.some(({ chain }) => Buffer.compare(chain[0], issuer) === 0);
  return isOurs ? { issuer, ownSerials: false } : null;
}

/** The number of the issuing CA of this home that has this certificate, DER; null: it is elsewhere. */
function numberOf(authority: Authority, issuer: Uint8Array): number | null {
  const found = authority.trust().issuers.find(({ chain }) => Buffer.compare(chain[0], issuer) === 0);
  return found?.number ?? null;
}

/**
 * The row is not in the ledger yet. `renewalId` is the renewal the request belongs to; null: it is made by hand.
 * Fails with NolapseError `authority_unavailable`, or `authority_mistaken` where the answer is not what was asked for.
 * @param list the revocation list that the certificate is to name; null: the complete one.
 */
export async function askAuthority(
  { authority, clock }: Pick<Context, 'authority' | 'clock'>,
  request: ApprovedRequest,
  renewalId: string | null,
  list: Pick<RevocationList, 'url' | 'issuer'> | null,
): Promise<Answer> {
  if (request.csr === null && !authority.certifiesKeys) {
    throw new NolapseError('csr_missing', 'the authority certifies no key without a request of its holder');
  }
  const answer = await authority.issue(request, list?.url ?? undefined);
  if (answer.kind === 'pending') {
    return { kind: 'pending', askAgainMs: Math.min(askAgainMostMs, Math.max(askAgainLeastMs, answer.askAgainMs)) };
  }
  const { certificate, chain } = answer;
  const reading = readingOf(authority, chain[0]);
  const facts = reading ? readIssued(certificate, reading) : 'its issuer is none of the authority';
  const now = clock.now();
  const objection = typeof facts === 'string' ? facts : objectToIssued(request, facts, now);
  if (typeof facts === 'string' || objection !== null) {
    throw new NolapseError('authority_mistaken', `the certificate is not what was asked for: ${objection}`);
  }
  const issuer = numberOf(authority, chain[0]);
  if (list && list.issuer !== (issuer ?? firstIssuer)) {
    throw new NolapseError('authority_unavailable', 'another issuing CA took over meanwhile');
  }
  return { kind: 'issued', entry: issuedEntry(request, facts, { renewalId, issuer }, now), chain };
}
