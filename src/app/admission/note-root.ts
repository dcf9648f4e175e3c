// What a connect shows of the roots that its client holds: a CONNECT that was admitted proves the root of its port, and one where nobody can
// trust the chain shows that the client verifies nothing.
import { principalActor } from '../../domain/actor.ts';
import { isNews } from '../../domain/trust-record.ts';
import { actingAs } from '../acting.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import type { Presented, Session } from '../session.ts';
import { keepConnect, keepControl, unverifying } from '../trust-records.ts';
import { type AdmitContext, holderOf } from './admit.ts';
import type { WithRootChanges } from './root-changes.ts';

/**
 * Keeps the root under which a principal came. Nothing is written where that is known, and nothing is known of whom an anchor introduced.
 * Never rejects: while the store takes no writes devices connect, and the next connect says the same.
 */
export async function noteRoot(
  app: Changing & WithRootChanges,
  { principal, introduced, root }: Session,
): Promise<void> {
  const { id } = principal;
  try {
    const known = introduced ? null : await app.store.read.trustGlance(id);
    if (!known || !app.rootChanges.came(id, known.last, root) || !isNews(known, root)) return;
    const connection = { principalId: id, root, introduced };
    await change(actingAs(app, principalActor(id)), async (within) => void (await keepConnect(within, connection)));
  } catch (error) {
    app.decisions.tell({
      action: 'effect.failed',
      level: 'error',
      message: `${id}: could not record the root under which it came; its next connect will`,
      fields: { 'nolapse.principal': id, 'error.message': error instanceof Error ? error.message : String(error) },
    });
  }
}

/**
 * Somebody sent CONNECT on a control. With a certificate that would be admitted it is a finding about its principal; whoever else comes
 * there leaves a line for who looks. Written once, however often it comes.
 */
export async function noteControl(app: AdmitContext, presented: Presented, address: string): Promise<void> {
  const principal = await holderOf(app, presented);
  if (principal) {
    await change(
      actingAs(app, principalActor(principal.id)),
      async (within) => void (await keepControl(within, principal, 'does_not_verify')),
    );
  }
  app.decisions.tell({
    action: 'connection.refused',
    level: 'debug',
    reason: 'control',
    message: `${principal?.id ?? 'a stranger'} sent CONNECT where nobody can trust the chain`,
    fields: { 'client.address': address, ...(principal && { 'nolapse.principal': principal.id }) },
  });
}

/** Findings that are looked at in one go. */
const findingsPage = 1_000;

/** Forgets the findings about principals that are no more in service. */
export async function settleControls(app: Pick<Context, 'store'>): Promise<void> {
  for (let after: string | undefined; ; ) {
    const page = await app.store.read.findings(
      { kind: unverifying, ...(after !== undefined && { after }) },
      findingsPage,
    );
    for (const { subject } of page) {
      const principal = await app.store.read.principal(subject as Session['principal']['id']);
      if (principal && principal.status !== 'decommissioned') continue;
      await app.store.transact((tx) => tx.dropFinding(unverifying, subject));
    }
    if (page.length < findingsPage) return;
    after = page.at(-1)?.subject;
  }
}
