// The issuing CAs that sign or have signed for principals, by the slots of the ledger.
import { type IssuingSlot, inService } from '../../domain/issuing-slots.ts';
import type { Store } from '../../ports/store.ts';

/** The one that signs first; none in a ledger that knows none yet. */
export async function slotsInUse({ read }: Pick<Store, 'read'>): Promise<IssuingSlot[]> {
  return inService(await read.issuingSlots(), await read.rootSlots());
}
