// What is told of tokens, operators and what waits for a second operator. No token is ever told twice.
import type { Permission } from '../../domain/access-right.ts';
import type { ApiCredential } from '../../domain/api-credential.ts';
import type { Approval } from '../../ports/approvals.ts';

/** Who asks over the HTTP API. */
export interface Caller {
  readonly credential: ApiCredential;
}

/** Times in Unix milliseconds. */
export interface CredentialView extends Omit<ApiCredential, 'digest' | 'kind'> {
  readonly state: 'live' | 'revoked' | 'ended';
}

/** A right as somebody asks for it. Without owners it is for all, and so it is without sites. */
export interface AskedRight {
  readonly permission: Permission;
  readonly owners?: readonly string[];
  readonly sites?: readonly string[];
}

export interface NewToken extends AskedRight {
  readonly name: string;
  /** A duration from now, or a date. */
  readonly until: string;
}

export interface AddedTokenView {
  readonly credential: CredentialView;
  /** Shown this once. */
  readonly token: string;
}

export interface NewOperator extends AskedRight {
  readonly name: string;
  readonly until: string;
}

export interface AddedOperatorView {
  readonly credential: CredentialView;
  /** PEM: the leaf, then its chain. */
  readonly certificatePem: string;
  /** PEM, PKCS#8. Made on request, handed over once, never kept. */
  readonly keyPem: string;
  /** PEM of the root. */
  readonly rootPem: string;
}

export type ApprovalView = Omit<Approval, 'input' | 'credential'> & { readonly input: unknown };
