// How many files and connections this process may have open, and how many it has.
import { readdirSync, readFileSync, statSync } from 'node:fs';

const mine = '/proc/self/fd';

/** The soft limit, which Node raises to the hard one at its start; null: it is not known, or there is none. Takes a while: ask once. */
export function descriptorLimit(): number | null {
  const text = limitOfLinux() ?? limitOfReport();
  const limit = Number(text);
  return Number.isSafeInteger(limit) && limit > 0 ? limit : null;
}

function limitOfLinux(): string | null {
  try {
    return /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** Where there is no /proc. Without the network, whose names would be looked up. */
function limitOfReport(): string | null {
  const { report } = process as { report?: { excludeNetwork?: boolean; getReport(): object } };
  if (!report) return null;
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  return String(userLimits?.open_files?.soft ?? '');
}

/** A list of them all takes a while: it is made anew after this. */
const listMs = 30_000;

/** Counts them without a thread of the pool, of which none may be free. */
export class DescriptorCount {
  #listed = 0;
  #listedAt = Number.NEGATIVE_INFINITY;

  /** Null where the system does not say. */
  get open(): number | null {
    try {
      // Linux from 6.2 says it without a list.
      return statSync(mine).size || this.#fromList();
    } catch {
      return null;
    }
  }

  #fromList(): number {
    if (performance.now() >= this.#listedAt + listMs) {
      this.#listed = readdirSync(mine).length;
      this.#listedAt = performance.now();
    }
    return this.#listed;
  }
}
