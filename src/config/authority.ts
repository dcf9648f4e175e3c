// Which authority certifies principals, and what each kind of it is opened with: one shape a kind.
import { z } from 'zod';

const authorityKinds = ['local'] as const;

/** The keys of all kinds. A key that one kind alone has is optional here. */
export const authoritySchema = z.strictObject({ kind: z.enum(authorityKinds).prefault('local') });

type RawAuthority = z.output<typeof authoritySchema>;
type AuthorityKind = (typeof authorityKinds)[number];

export interface AuthorityConfig {
  readonly kind: 'local';
}

type Settle = { readonly [K in AuthorityKind]: (raw: RawAuthority) => Extract<AuthorityConfig, { readonly kind: K }> };

const settleOf: Settle = { local: () => ({ kind: 'local' }) };

export function settleAuthority(raw: RawAuthority): AuthorityConfig {
  return settleOf[raw.kind](raw);
}
