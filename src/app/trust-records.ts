// What is found out about the roots that a principal trusts is kept in its record, with a line for what changes: under which root it came,
// and whether it verifies the broker at all. Within a change of the caller's, and only where something changes.
import type { Principal } from '../domain/principal.ts';
import {
  afterConnect,
  afterControl,
  type ControlVerdict,
  lastRoot,
  noRecord,
  type TrustConnection,
} from '../domain/trust-record.ts';
import type { Change } from './change.ts';

/** The kind of finding about a principal that does not verify the broker. */
export const unverifying = 'does_not_verify_server';

/** A CONNECT was admitted. @returns whether that was news. */
export async function keepConnect({ tx, now, record }: Change, connection: TrustConnection): Promise<boolean> {
  const { principalId, root } = connection;
  const before = (await tx.trustRecord(principalId)) ?? noRecord(principalId);
  const after = afterConnect(before, connection, now);
  if (after === before) return false;
  await tx.putTrustRecord(after);
  const [was, is] = [lastRoot(before), lastRoot(after)];
  if (is === was) return true;
  await record({
    action: is > was ? 'trust.proved' : 'trust.reopened',
    message:
      is > was
        ? `${principalId}: connected under root ${root}: it is proved`
        : `${principalId}: connected under root ${root} after root ${was}: it may have forgotten the newer one`,
    principalId,
    fields: { 'nolapse.root': root },
  });
  return true;
}

/**
 * A control has shown whether the principal verifies the broker: it sent CONNECT there with its own certificate (`does_not_verify`), or
 * said itself that the port cannot be trusted (`passed`). @returns whether that was news.
 */
export async function keepControl(
  { tx, now, record }: Change,
  { id }: Pick<Principal, 'id'>,
  verdict: ControlVerdict,
): Promise<boolean> {
  const before = (await tx.trustRecord(id)) ?? noRecord(id);
  const after = afterControl(before, verdict, now);
  if (after === before) return false;
  await tx.putTrustRecord(after);
  const isPassed = verdict === 'passed';
  if (isPassed) await tx.dropFinding(unverifying, id);
  else {
    const detail = 'it connected where nobody can trust the chain: whoever is in the way can pass for the broker';
    await tx.putFinding({ kind: unverifying, subject: id, detail, firstAt: now, lastAt: now });
  }
  await record({
    action: isPassed ? 'trust.control_passed' : 'trust.control_failed',
    message: isPassed ? `${id}: it verifies the broker` : `${id}: it does not verify the broker`,
    principalId: id,
  });
  return true;
}
