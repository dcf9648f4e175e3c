// Calls off a renewal that another certificate has made needless, and takes what it has brought out of the world.
import type { Renewal } from '../../domain/renewal.ts';
import { type Change, step } from '../change.ts';
import type { Context } from '../context.ts';
import type { PolicySubject } from '../policies.ts';
import type { Revoking } from './owe-revocation.ts';
import { revokeWithin } from './revoke.ts';

/** Cancels an open renewal within a change; its replacement, issued and never used, must not be used any more. */
export async function callOff(
  within: Change<Pick<Context, 'policies'> & Revoking>,
  renewal: Renewal,
  principal: PolicySubject,
  detail: string,
): Promise<void> {
  const { tx } = within;
  await step(within, renewal, { type: 'cancelled', detail }, principal, `cancelled: ${detail}`);
  const unused = renewal.newFingerprint && (await tx.certificate(renewal.newFingerprint));
  if (unused) await revokeWithin(within, unused, 'superseded');
}
