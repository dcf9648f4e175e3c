// How a device has come and gone, for whoever judges whether it should have been seen by now.
import type { Comings } from '../../domain/deadlines.ts';
import { gapsOf } from '../../domain/presence.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { Visits } from '../../domain/visits.ts';
import type { WithWhereabouts } from '../whereabouts.ts';

/** @param visits what is kept of it; null: nothing. */
export function comingsOf({ presences }: WithWhereabouts, id: PrincipalId, visits: Visits | null): Comings {
  return {
    gaps: gapsOf(visits?.gaps ?? new Uint8Array()),
    isHere: presences.isHere(id),
    cameAt: visits?.cameAt ?? null,
  };
}
