// Which root's chain each port is to show, by the slots in the ledger and by who is still on the port of a root that was given up.
import { type PortPlan, portPlan } from '../../domain/root-slots.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import type { Context } from '../context.ts';

/** The name of the one part that all principals are in. */
const everybody = '';

/** Principals in service whose last CONNECT was on the port of the newest root that was given up after it was distributed. */
export async function onAborted(
  { store: { read } }: Pick<Context, 'store'>,
  slots: readonly KeptRoot[],
): Promise<number> {
  const aborted = slots.findLast(({ state, distributedAt }) => state === 'aborted' && distributedAt !== null);
  if (!aborted) return 0;
  const counts = await read.trustCounts('all', null, 1);
  return counts
    .filter(({ name, measure, root }) => name === everybody && measure === 'last' && root === aborted.number)
    .reduce((sum, { count }) => sum + count, 0);
}

export async function portsMeant(app: Pick<Context, 'store' | 'clock'>): Promise<PortPlan> {
  const slots = await app.store.read.rootSlots();
  return portPlan(slots, await onAborted(app, slots), app.clock.now());
}

/** After a step that is taken already: a port that cannot follow takes nothing back. It is tried again, and told until it does. Never rejects. */
export async function portsFollow({ served, decisions }: Pick<Context, 'served' | 'decisions'>): Promise<void> {
  try {
    await served.follow();
  } catch (error) {
    decisions.tell({
      action: 'sweep.failed',
      level: 'error',
      message: 'the ports could not follow a step of a root; it will be tried again',
      fields: { 'error.message': error instanceof Error ? error.message : String(error) },
    });
  }
}
