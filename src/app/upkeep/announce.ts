// Tells everybody who listens of a step that was released, in pages and at a rate of its own; and tells again whom it is time for.
import type { PrincipalId } from '../../domain/principal.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Settling } from '../enrollment/prompt.ts';
import { hasStepToHear, type TellStepContext } from '../enrollment/tell-step.ts';

/** Principals looked at in one stretch of the walk; whom a kill stops in one is looked at again. */
export const announcePageMax = 256;

interface Walk {
  readonly sequence: number;
  /** The last that was looked at; null: none. */
  readonly after: PrincipalId | null;
}

/** Goes on with the walk that a released step has begun: who listens waits for its turn from then on. */
export async function announceOn(app: TellStepContext, { sequence, after }: Walk, settling: Settling): Promise<void> {
  const page = await app.store.read.principals({}, { limit: announcePageMax, ...(after !== null && { after }) });
  const hearing: PrincipalId[] = [];
  for (const { id } of page) {
    await app.turns.take();
    if (await hasStepToHear(app, id)) hearing.push(id);
  }
  const last = page.length === announcePageMax ? (page.at(-1)?.id ?? null) : null;
  await change(app, async ({ tx, now }) => {
    for (const principalId of hearing) await tx.enqueue({ kind: 'announce', principalId, since: now });
    await tx.complete(settling.id);
    if (last !== null) await tx.enqueue({ kind: 'announce-all', sequence, after: last });
  });
  settling.settled = true;
}

/** Batches in one look; the next one goes on. */
const batchesMax = 50;

/** Forgets the steps that need not be kept any more, and has those told again whose time has come: a batch of so many in one change. */
export async function lookAfterSteps(app: Changing, limit: number): Promise<void> {
  const steps = await app.store.read.trustSteps();
  if (steps.length === 0) return;
  const now = app.clock.now();
  if (steps.some(({ keptUntil }) => keptUntil <= now)) await app.store.transact((tx) => tx.forgetTrustSteps(now));
  for (let batch = 0; batch < batchesMax; batch += 1) {
    const due = await app.store.read.dueTrustTold(now, limit);
    if (due.length > 0) await change(app, (within) => announceAgain(within, due));
    if (due.length < limit) return;
  }
}

async function announceAgain({ tx, now }: Change, due: readonly PrincipalId[]): Promise<void> {
  for (const id of due) {
    const told = await tx.trustTold(id);
    if (!told || told.nextAt === null || told.nextAt > now) continue;
    await tx.putTrustTold({ ...told, nextAt: null });
    await tx.enqueue({ kind: 'announce', principalId: id, since: now });
  }
}
