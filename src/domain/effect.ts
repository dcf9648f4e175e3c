// What a change of state owes the outside world. Written in the same transaction as the change; carried out afterwards, at
// least once. Each has a key: the same key again replaces the one waiting, so a repeated step owes a thing once.
import type { Fingerprint } from './certificate.ts';
import type { PrincipalId } from './principal.ts';

export type Effect =
  /** Have the authority sign the renewal's accepted request. */
  | { readonly kind: 'issue'; readonly renewalId: string }
  /** Tell the device whatever its renewal's state owes it: offer, certificate or confirmation. */
  | { readonly kind: 'prompt'; readonly renewalId: string }
  /** End every live session opened with this certificate. */
  | { readonly kind: 'close-certificate'; readonly fingerprint: Fingerprint; readonly reason: string }
  /** End every live session of this principal, or only those that a bootstrap anchor introduced. */
  | {
      readonly kind: 'close-principal';
      readonly principalId: PrincipalId;
      readonly reason: string;
      readonly only?: 'introduced';
    }
  | { readonly kind: 'publish-crl' };

/** The longest an effect is put off. One that is due later than this from now was put off by a clock that ran ahead. */
export const putOffMaxMs = 300_000;

/** The idempotency key of an effect. */
export function effectKey(effect: Effect): string {
  switch (effect.kind) {
    case 'issue':
    case 'prompt':
      return `${effect.kind}/${effect.renewalId}`;
    case 'close-certificate':
      return `${effect.kind}/${effect.fingerprint}`;
    case 'close-principal':
      return [effect.kind, effect.principalId, ...(effect.only ? [effect.only] : [])].join('/');
    case 'publish-crl':
      return effect.kind;
  }
}
