// A next root that waits for what is made or signed elsewhere. It has no slot before it is there whole.
import { z } from 'zod';
import type { Fingerprint } from '../../domain/certificate.ts';
import type { AwaitedRoot } from '../../ports/root-cas.ts';
import type { Reader, Transaction } from '../../ports/store.ts';

const setting = 'trust.awaited.root';

const whole = z.int().min(1);
const fingerprint = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as Fingerprint);
const certificate = { fingerprint, notBefore: z.int(), notAfter: z.int() };
const awaitedSchema = z.strictObject({
  number: whole,
  issuing: whole,
  present: whole,
  sequence: whole,
  port: z.int().min(1).max(65_535),
  keyFingerprint: fingerprint,
  made: z
    .strictObject({
      ...certificate,
      issuing: z.strictObject({ keyFingerprint: fingerprint, certificate: z.strictObject(certificate) }),
    })
    .nullable(),
});

/** With the port that will serve it. */
export type Awaited = AwaitedRoot & { readonly port: number };

export async function readAwaited(read: Pick<Reader, 'setting'>): Promise<Awaited | null> {
  const text = await read.setting(setting);
  return text ? awaitedSchema.parse(JSON.parse(text)) : null;
}

export async function putAwaited(tx: Transaction, awaited: Awaited | null): Promise<void> {
  await tx.putSetting(setting, awaited === null ? '' : JSON.stringify(awaited));
}
