// Numbers of issuing CAs. None is used twice, because they are in URLs that certificates in the field name: also not in a home that was
// restored from a backup, whose ledger does not know what was prepared after it was made.
import type { Reader, Transaction } from '../../ports/store.ts';

const setting = 'trust.issuing.floor';

const hourMs = 3_600_000;
/** Left out beside one for each hour, for what was prepared within one. */
const sparedLeast = 8;
/** Their files and URLs have six digits at most. */
const numberMax = 999_999;

type Numbers = Pick<Reader, 'lastIssuingNumber' | 'setting'>;

async function lastGiven(read: Numbers): Promise<number> {
  const floor = Number((await read.setting(setting)) ?? '0');
  return Math.max(await read.lastIssuingNumber(), floor);
}

/** The number of the next issuing CA that is prepared. */
export async function nextIssuingNumber(read: Numbers): Promise<number> {
  return (await lastGiven(read)) + 1;
}

/**
 * A home is made of a backup: numbers that may have been given since are left out, more of them the older it is, so that no two homes that
 * are restored from the same one go on with the same.
 * @param ageMs of the backup, in milliseconds.
 */
export async function spareNumbers(tx: Transaction, ageMs: number): Promise<void> {
  const last = await lastGiven(tx);
  const floor = last + sparedLeast + Math.ceil(Math.max(0, ageMs) / hourMs);
  await tx.putSetting(setting, String(Math.max(last, Math.min(floor, numberMax - 1_000))));
}
