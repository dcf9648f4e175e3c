// How many files and connections this process may have open, and how many it has.
import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';

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

/** Null where the system does not say. */
export async function openDescriptors(): Promise<number | null> {
  try {
    // Linux from 6.2 says it without a list.
    const { size } = await stat(mine);
    return size > 0 ? size : (await readdir(mine)).length;
  } catch {
    return null;
  }
}
