// Steps of roots as the ledger has them afterwards, without what a command asks for before it takes one.
import { afterRootStep } from '../../src/domain/root-slots.ts';
import type { House } from './harness.ts';

/** Takes steps in the ledger, and has the ports follow. */
export async function takeRootSteps(house: House, ...steps: Parameters<typeof afterRootStep>[1][]): Promise<void> {
  for (const step of steps) {
    const now = Date.now();
    const after = afterRootStep(await house.store.read.rootSlots(), step, now);
    await house.store.transact(async (tx) => {
      for (const slot of after) {
        const isOver = slot.state === 'retired' || slot.state === 'aborted';
        await tx.putRootSlot(isOver ? { ...slot, endedAt: slot.endedAt ?? now } : slot);
      }
    });
  }
  await house.gateway.served.follow();
}
