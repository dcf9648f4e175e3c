// What a change of state owes the outside world. Written in the same transaction as the change; carried out afterwards, at
// least once. Each has a key: the same key again replaces the one waiting, so a repeated step owes a thing once.
import type { Fingerprint, LedgerEntry } from './certificate.ts';
import type { PrincipalId } from './principal.ts';
import type { Instant } from './time.ts';

export type Effect =
  /** Have the authority sign the renewal's accepted request. */
  | { readonly kind: 'issue'; readonly renewalId: string; readonly by: Instant }
  /** Tell the device whatever its renewal's state owes it: offer, certificate or confirmation. `by`: an offer, which waits its turn. */
  | { readonly kind: 'prompt'; readonly renewalId: string; readonly by?: Instant }
  /** Tell a principal of the next step of a root, where it listens. `since`: who waits for longest goes first, also who asks again meanwhile. */
  | { readonly kind: 'announce'; readonly principalId: PrincipalId; readonly since: Instant }
  /** The same of everybody, since this step was released, in order of id from `after` on; null: from the first. */
  | { readonly kind: 'announce-all'; readonly sequence: number; readonly after: PrincipalId | null }
  /** Tell the authority that this certificate, which it issued, is revoked. `isUrgent`: for another reason than that it was replaced. */
  | { readonly kind: 'revoke'; readonly fingerprint: Fingerprint; readonly isUrgent: boolean }
  /** End every live session opened with this certificate. */
  | { readonly kind: 'close-certificate'; readonly fingerprint: Fingerprint; readonly reason: string }
  /** End every live session of this principal, only those that a bootstrap anchor introduced, or those of others under client ids that are its. */
  | {
      readonly kind: 'close-principal';
      readonly principalId: PrincipalId;
      readonly reason: string;
      readonly only?: 'introduced' | 'claimed';
    };

/** What an authority is owed that is told of revocations. */
export function revocationEffect({
  fingerprint,
  revocationReason,
}: Pick<LedgerEntry, 'fingerprint' | 'revocationReason'>): Effect {
  return { kind: 'revoke', fingerprint, isUrgent: revocationReason !== 'superseded' };
}

/** The longest an effect is put off. One that is due later than this from now was put off by a clock that ran ahead. */
export const putOffMaxMs = 300_000;

/** The idempotency key of an effect. */
export function effectKey(effect: Effect): string {
  switch (effect.kind) {
    case 'issue':
    case 'prompt':
      return `${effect.kind}/${effect.renewalId}`;
    case 'close-certificate':
    case 'revoke':
      return `${effect.kind}/${effect.fingerprint}`;
    case 'announce':
      return `${effect.kind}/${effect.principalId}`;
    case 'announce-all':
      return `${effect.kind}/${effect.sequence}`;
    case 'close-principal':
      return [effect.kind, effect.principalId, ...(effect.only ? [effect.only] : [])].join('/');
  }
}

/** What is told of effects that are newly owed: who carries them out, or what follows from them, differs by this. */
export type Owed = 'offer' | 'issue' | 'prompt' | 'revoke' | 'announce' | 'announce-all' | 'close';

export function owedAs(effect: Effect): Owed {
  switch (effect.kind) {
    case 'issue':
    case 'revoke':
    case 'announce':
    case 'announce-all':
      return effect.kind;
    case 'prompt':
      return effect.by === undefined ? 'prompt' : 'offer';
    case 'close-certificate':
    case 'close-principal':
      return 'close';
  }
}

/** Does it keep the place of one that waits under its key? Others are replaced with their place: what has changed is more or less urgent. */
export function keepsPlace({ kind }: Effect): boolean {
  return kind === 'announce';
}

/** Its place among those of its kind that are carried out at a rate, the lowest first; null: it is carried out as soon as it is due. */
export function effectRank(effect: Effect): number | null {
  if (effect.kind === 'announce') return effect.since;
  if (effect.kind === 'revoke') return effect.isUrgent ? 0 : 1;
  return effect.kind === 'issue' || effect.kind === 'prompt' ? (effect.by ?? null) : null;
}
