// How a device comes and goes, as an operator is shown it.
import { gapsOf } from '../../domain/presence.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { leftAtOf } from '../../domain/visits.ts';
import type { Context } from '../context.ts';
import type { PresenceView } from '../views/devices.ts';
import type { WithWhereabouts } from '../whereabouts.ts';

/** Null for one that never came. */
export async function presenceOf(
  app: Pick<Context, 'store'> & WithWhereabouts,
  id: PrincipalId,
): Promise<PresenceView | null> {
  const presence = await app.store.read.presence(id);
  if (!presence) return null;
  const here = app.presences.isHere(id);
  const left = leftAtOf(presence, await app.presences.absences());
  const { plannedMs, longestMs } = gapsOf(presence.gaps);
  return {
    here,
    since: here ? presence.cameAt : (left ?? presence.cameAt),
    comesEveryMs: plannedMs || null,
    longestAwayMs: longestMs || null,
  };
}
