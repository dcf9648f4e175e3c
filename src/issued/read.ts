// Reads files of issued certificates back, in their order, and notices what is missing between a ledger and their end.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { decodeLine, type NumberedChange } from './line.ts';

export interface Read {
  /** The number of the last line. */
  number: number;
  /** When it was written; null: no line came after the ledger. */
  until: number | null;
  lines: number;
  /** What speaks against it that the ledger then knows everything. */
  readonly faults: string[];
}

const faultsMax = 10;

/**
 * Every change after the number, each as it stands there. `read` says at the end what was found.
 * Rejects with what the file system says.
 */
export async function* changesAfter(
  files: readonly string[],
  key: Uint8Array,
  after: number,
  read: Read,
): AsyncGenerator<NumberedChange> {
  let last = after;
  const object = (fault: string): void => {
    if (read.faults.length < faultsMax) read.faults.push(fault);
  };
  for (const file of files) {
    let place = 0;
    let unread = 0;
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      place += 1;
      if (line === '') continue;
      const change = decodeLine(key, line);
      if (!change) {
        unread = place;
        continue;
      }
      read.lines += 1;
      // Cut off by a crash, and written once more.
      if (change.n <= last + 1) unread = 0;
      if (change.n > last + 1) object(`${file}, line ${place}: ${change.n - last - 1} changes before it are missing`);
      if (change.n > after) yield change;
      if (change.n > after) read.until = change.at;
      last = Math.max(last, change.n);
    }
    if (unread > 0) object(`${file}, line ${unread}: damaged, cut off, or of another ledger`);
  }
  read.number = last;
}
