// What operators have said of the keys of roots: that one is in wrong hands, or lost. It is kept as long as the home.
import { z } from 'zod';
import { type RootMark, rootMarkKinds } from '../../domain/trust-exposure.ts';
import { keptRootsMax } from '../../ports/root-slots.ts';
import type { Reader, Transaction } from '../../ports/store.ts';

const setting = 'trust.marks';

const marksSchema = z
  .array(z.strictObject({ root: z.int().min(1), kind: z.enum(rootMarkKinds), at: z.int() }))
  .max(keptRootsMax * rootMarkKinds.length);

export async function readMarks(read: Pick<Reader, 'setting'>): Promise<readonly RootMark[]> {
  const text = await read.setting(setting);
  return text ? marksSchema.parse(JSON.parse(text)) : [];
}

/** Is this root marked as one whose key nobody has? */
export async function isKeyLost(read: Pick<Reader, 'setting'>, number: number): Promise<boolean> {
  return (await readMarks(read)).some(({ root, kind }) => root === number && kind === 'key_lost');
}

/** Adds a mark. The first time stays. @returns whether it is new. */
export async function putMark(tx: Transaction, mark: RootMark): Promise<boolean> {
  const marks = await readMarks(tx);
  if (marks.some(({ root, kind }) => root === mark.root && kind === mark.kind)) return false;
  await tx.putSetting(setting, JSON.stringify([...marks, mark]));
  return true;
}

/** Takes a mark away. @returns whether it was there. */
export async function dropMark(tx: Transaction, { root, kind }: Omit<RootMark, 'at'>): Promise<boolean> {
  const marks = await readMarks(tx);
  const left = marks.filter((mark) => mark.root !== root || mark.kind !== kind);
  if (left.length === marks.length) return false;
  await tx.putSetting(setting, JSON.stringify(left));
  return true;
}
