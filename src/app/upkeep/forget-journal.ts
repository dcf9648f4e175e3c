// Lets go of what the journal has kept for long enough, a bounded number of lines at a time: the ledger must not grow with every
// step ever taken. What certificates and renewals have become stays.
import type { Context } from '../context.ts';

/** Batches of one run; the next goes on. */
const batchesMax = 50;

/** Returns how many lines were forgotten. */
export async function forgetJournal(app: Pick<Context, 'store' | 'clock' | 'settings'>): Promise<number> {
  const { journalKeptMs, sweepBatch } = app.settings;
  let total = 0;
  for (let batch = 0; batch < batchesMax; batch += 1) {
    const before = app.clock.now() - journalKeptMs;
    const forgotten = await app.store.transact((tx) => tx.forgetJournal(before, sweepBatch));
    total += forgotten;
    if (forgotten < sweepBatch) break;
  }
  return total;
}
