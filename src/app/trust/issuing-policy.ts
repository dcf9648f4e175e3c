// What the times of issuing CAs follow from: the policies in force, the configuration, and the files of the PKI.

import type { IssuingPolicy } from '../../domain/issuing-slots.ts';
import { graceMs } from '../../domain/policy.ts';
import type { Context } from '../context.ts';

export type IssuingPolicyContext = Pick<Context, 'policies' | 'settings' | 'issuing'>;

export interface IssuingMeans extends IssuingPolicy {
  /** Is the root's key in the home? */
  readonly hasRootKey: boolean;
}

/** Numbers of the issuing CAs that their root has revoked. */
export async function revokedNumbers({ store }: Pick<Context, 'store'>): Promise<number[]> {
  return (await store.read.revokedIssuing()).map(({ number }) => number);
}

/**
 * Of the issuing CAs below the root with this number. Fails with a NolapseError where the root cannot be read.
 * @param revoked as {@link revokedNumbers} has them.
 */
export function issuingMeans(
  { policies, settings, issuing }: IssuingPolicyContext,
  root: number,
  revoked: readonly number[] = [],
): IssuingMeans {
  const all = policies.all();
  const { notAfter, hasKey } = issuing.root(root);
  return {
    longestLeafMs: Math.max(...all.map(({ lifetimeMs }) => lifetimeMs)),
    longestGraceMs: Math.max(...all.map(graceMs)),
    prepareAheadMs: settings.trust.prepareAheadMs,
    activateAheadMs: settings.trust.activateAheadMs,
    lifetimeMs: issuing.lifetimeMs,
    rootNotAfter: notAfter,
    hasRootKey: hasKey,
    revoked,
  };
}
