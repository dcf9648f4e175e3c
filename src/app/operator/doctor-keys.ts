// What doctor says of the keys of roots: one that is lost, and one that is in wrong hands.
import type { Context } from '../context.ts';
import { rootsDistrusted } from '../trust/exposed-list.ts';
import { type LostKeyContext, lostKeys } from '../trust/lost-key.ts';
import type { Check } from '../views/broker.ts';

/** A key that is elsewhere is nothing to be told of. */
export async function keyChecks(app: LostKeyContext & Pick<Context, 'clock'>): Promise<Check[]> {
  const inUse = (await rootsDistrusted(app)).filter(({ isInUse }) => isInUse);
  const distrusted = inUse.map(
    ({ root }): Check => ({
      level: 'critical',
      subject: `root ${root}`,
      detail: 'is not to be trusted, and devices still do: nolapse trust exposed',
    }),
  );
  const lost = (await lostKeys(app)).map(({ root, spare, worksUntil, left }): Check => {
    const until = worksUntil === null ? '' : `; nothing works under it after ${new Date(worksUntil).toISOString()}`;
    const isSafe = spare === 'retiring' || spare === 'announced';
    return { level: isSafe ? 'warning' : 'error', subject: `key of root ${root}`, detail: `is lost: ${left}${until}` };
  });
  return [...distrusted, ...lost];
}
