// When something was last written into the ledger: a line of its journal, or that its broker was alive. Compared with the time of a start,
// it tells of a long stop, of a copy that was put in place, and of a clock that was set back.
import type { Instant } from '../../domain/time.ts';
import type { Reader } from '../../ports/store.ts';
import { lastAlive } from '../admission/own-absences.ts';

/** Null: never yet. */
export async function lastWritten(read: Reader): Promise<Instant | null> {
  const [newest] = await read.journal({}, 1);
  const times = [await lastAlive(read), newest?.at ?? null].filter((at) => at !== null);
  return times.length > 0 ? Math.max(...times) : null;
}
