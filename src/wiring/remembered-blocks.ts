// Keeps in the ledger from where known certificates came, so that after a restart the fleet is not taken for strangers. It is written
// now and then: a crash costs what was new in the last moments.
import { KnownBlocks, knownBlocksMax } from '../broker/door/known-blocks.ts';
import type { Clock } from '../ports/clock.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import type { Database } from '../store/sqlite/database.ts';
import { KnownBlockTable } from '../store/sqlite/known-blocks.ts';

const everyMs = 10_000;
const writtenAtOnce = 1_000;
/** For so long a block from which nobody comes stays known. */
const keptMs = 90 * 86_400_000;

export interface RememberedBlocks {
  readonly known: KnownBlocks;
  /** Writes what is left, and writes no more. Never rejects. */
  close(): Promise<void>;
}

export function rememberBlocks(database: Database, clock: Clock, decisions: DecisionLog): RememberedBlocks {
  const table = new KnownBlockTable(database);
  const known = new KnownBlocks(table.load(knownBlocksMax));
  let isFailing = false;
  const write = async (): Promise<void> => {
    for (;;) {
      const blocks = known.take(writtenAtOnce, performance.now());
      if (blocks.length === 0) return;
      const now = clock.now();
      try {
        await table.note(blocks, now, { keptSince: now - keptMs, most: knownBlocksMax });
        isFailing = false;
      } catch (error) {
        known.putBack(blocks);
        // A disk that is full is told of elsewhere, and stays full.
        if (isFailing) return;
        isFailing = true;
        decisions.tell({
          action: 'broker.failed',
          level: 'error',
          message: `known addresses could not be written down: ${error instanceof Error ? error.message : String(error)}`,
        });
        return;
      }
    }
  };
  let writing: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    writing = writing.then(write);
  }, everyMs);
  return {
    known,
    close: async () => {
      clearInterval(timer);
      await writing.then(write);
    },
  };
}
