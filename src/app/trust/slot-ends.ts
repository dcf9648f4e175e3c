// When the CAs in each slot end: what a scrape is told, so that a deadline can be watched from outside.
import type { Instant } from '../../domain/time.ts';
import type { Context } from '../context.ts';

const livingSlots = ['next', 'current', 'former'] as const;
type LivingSlot = (typeof livingSlots)[number];

export interface SlotEnd {
  readonly ca: 'root' | 'issuing';
  readonly slot: LivingSlot;
  /** Of the one that ends first; null: there is none. */
  readonly at: Instant | null;
}

/** The ends of roots, and of the issuing CAs below all living ones; one that has no certificate yet has no end. */
export async function slotEnds({ store: { read } }: Pick<Context, 'store'>): Promise<SlotEnd[]> {
  const roots = await read.rootSlots();
  const issuing = await read.issuingSlots();
  const first = (ends: readonly Instant[]): Instant | null => (ends.length > 0 ? Math.min(...ends) : null);
  return livingSlots.flatMap((slot): SlotEnd[] => [
    { ca: 'root', slot, at: first(roots.filter(({ state }) => state === slot).map(({ notAfter }) => notAfter)) },
    {
      ca: 'issuing',
      slot,
      at: first(
        issuing.filter(({ state }) => state === slot).flatMap(({ certificate }) => certificate?.notAfter ?? []),
      ),
    },
  ]);
}
