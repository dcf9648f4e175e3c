// A step of a root that somebody asked for, where another command has to release it, with what was asked for beside its name. Any other
// step makes it void.
import { z } from 'zod';
import type { Fingerprint } from '../../domain/certificate.ts';
import { afterRelease, askedRootSteps, type NamedStep, releaseRefusals } from '../../domain/trust-approval.ts';
import type { Reader, Transaction } from '../../ports/store.ts';
import { OperationError } from '../operation-error.ts';

const setting = 'trust.asked.root';

/** Where the next root and the step that names it are made: here, signed elsewhere, or the root itself elsewhere. */
export const preparations = ['here', 'signed_elsewhere', 'made_elsewhere'] as const;
export type Preparation = (typeof preparations)[number];

const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as Fingerprint);

const askedSchema = z.strictObject({
  step: z.enum(askedRootSteps),
  sequence: z.int().min(1),
  root: sha256,
  /** Of `prepare`. */
  preparation: z.enum(preparations).exactOptional(),
  /** The principals that an operator has accepted by name: how many, and the SHA-256 of their sorted ids, each ended by LF. */
  accepted: z.strictObject({ count: z.int().min(1), sha256 }).exactOptional(),
});

export type AskedRootStep = NamedStep & Pick<z.infer<typeof askedSchema>, 'preparation' | 'accepted'>;

export async function readAskedRoot(read: Pick<Reader, 'setting'>): Promise<AskedRootStep | null> {
  const text = await read.setting(setting);
  return text ? askedSchema.parse(JSON.parse(text)) : null;
}

export async function putAskedRoot(tx: Transaction, asked: AskedRootStep): Promise<void> {
  await tx.putSetting(setting, JSON.stringify(asked));
}

export async function voidAskedRoot(tx: Transaction): Promise<void> {
  if (await tx.setting(setting)) await tx.putSetting(setting, '');
}

/** The step that was asked for, if it is the one that is named. @throws OperationError `conflict` where another waits, or none. */
export function releasedStep(asked: AskedRootStep | null, named: NamedStep): AskedRootStep {
  const released = afterRelease(asked && { asked, isReleased: false }, named);
  if (asked && released.ok) return asked;
  const reason = released.ok ? releaseRefusals.nothing_asked : releaseRefusals[released.reason];
  const waiting = asked ? `: ${asked.step}, sequence ${asked.sequence}, SHA-256 ${asked.root}` : '';
  throw new OperationError('conflict', [`${reason}${waiting}`]);
}
