// A step of an issuing CA that somebody asked for, where another command has to release it. Any other step makes it void.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { AskedStep } from '../../domain/issuing-slots.ts';
import type { Reader, Transaction } from '../../ports/store.ts';

const setting = 'trust.asked.issuing';
const written = /^(activate|retire|compromised) (\d{1,9}) ([0-9a-f]{64})$/;

export async function readAsked(read: Pick<Reader, 'setting'>): Promise<AskedStep | null> {
  const [, step, number, fingerprint] = written.exec((await read.setting(setting)) ?? '') ?? [];
  if (step === undefined || number === undefined || fingerprint === undefined) return null;
  return { step: step as AskedStep['step'], number: Number(number), fingerprint: fingerprint as Fingerprint };
}

export async function putAsked(tx: Transaction, { step, number, fingerprint }: AskedStep): Promise<void> {
  await tx.putSetting(setting, `${step} ${number} ${fingerprint}`);
}

export async function voidAsked(tx: Transaction): Promise<void> {
  if (await tx.setting(setting)) await tx.putSetting(setting, '');
}
