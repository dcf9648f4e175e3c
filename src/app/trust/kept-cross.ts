// The cross certificate that is in use, and the one that waits for a signature from elsewhere, as the ledger keeps them.
import { z } from 'zod';
import { objectToCross } from '../../domain/root-cross.ts';
import type { PortPlan } from '../../domain/root-slots.ts';
import type { CrossRequest, MadeCross } from '../../ports/root-crosses.ts';
import type { Reader, Transaction } from '../../ports/store.ts';
import type { Context } from '../context.ts';

const [setting, askedSetting] = ['trust.cross', 'trust.asked.cross'];

const base64 = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));
const whole = z.int().min(1);
const crossSchema = z.strictObject({ root: whole, signer: whole, notBefore: z.int(), notAfter: z.int(), der: base64 });
const askedSchema = z.strictObject({ root: whole, signer: whole, body: base64, digest: z.enum(['sha256', 'sha384']) });

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

export async function readCross(read: Pick<Reader, 'setting'>): Promise<MadeCross | null> {
  const text = await read.setting(setting);
  return text ? crossSchema.parse(JSON.parse(text)) : null;
}

export async function putCross(tx: Transaction, cross: MadeCross | null): Promise<void> {
  await tx.putSetting(setting, cross === null ? '' : JSON.stringify({ ...cross, der: textOf(cross.der) }));
}

export async function readAskedCross(read: Pick<Reader, 'setting'>): Promise<CrossRequest | null> {
  const text = await read.setting(askedSetting);
  return text ? askedSchema.parse(JSON.parse(text)) : null;
}

export async function putAskedCross(tx: Transaction, asked: CrossRequest | null): Promise<void> {
  await tx.putSetting(askedSetting, asked === null ? '' : JSON.stringify({ ...asked, body: textOf(asked.body) }));
}

/** The cross that the first port is to show now; null: none. */
export async function crossMeant(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  plan: PortPlan,
): Promise<MadeCross | null> {
  const cross = await readCross(store.read);
  if (!cross) return null;
  return objectToCross(cross, await store.read.rootSlots(), plan, clock.now()) === null ? cross : null;
}
