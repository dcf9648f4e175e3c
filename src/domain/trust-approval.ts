// A step of a root's slots that needs a second command: which step was asked for, and whether that very step was released. Who may
// release it is not decided here: a name given with a command is a record, not protection.
import type { Fingerprint } from './certificate.ts';

export const rootSteps = ['prepare', 'distribute', 'activate', 'abort', 'retire'] as const;
export type RootStep = (typeof rootSteps)[number];

/** What somebody asks for: a step, or that a root is no more to be trusted. */
export const askedRootSteps = [...rootSteps, 'compromised'] as const;
export type AskedRootStep = (typeof askedRootSteps)[number];

/** What names a step so that no other can be meant. */
export interface NamedStep {
  readonly step: AskedRootStep;
  readonly sequence: number;
  /** SHA-256 of the root that it is about; of `prepare`, before which there is none, of the root that will sign. */
  readonly root: Fingerprint;
}

/** The step that was asked for last; null: none. */
export type Approval = { readonly asked: NamedStep; readonly isReleased: boolean } | null;

/** Why a release is refused. */
export const releaseRefusals = {
  nothing_asked: 'no step waits to be released',
  other_step: 'another step waits',
  other_sequence: 'the step that waits has another sequence',
  other_root: 'the step that waits is about another root',
} as const;
export type ReleaseRefusal = keyof typeof releaseRefusals;

function isSame(a: NamedStep, b: NamedStep): boolean {
  return a.step === b.step && a.sequence === b.sequence && a.root === b.root;
}

/** What waits after a step was asked for. Any other step voids a release. */
export function afterAsking(approval: Approval, asked: NamedStep): Approval {
  return approval && isSame(approval.asked, asked) ? approval : { asked, isReleased: false };
}

/** What waits after the command that releases it; a refusal changes nothing. */
export function afterRelease(
  approval: Approval,
  named: NamedStep,
): { readonly ok: true; readonly approval: Approval } | { readonly ok: false; readonly reason: ReleaseRefusal } {
  if (!approval) return { ok: false, reason: 'nothing_asked' };
  const { asked } = approval;
  if (asked.step !== named.step) return { ok: false, reason: 'other_step' };
  if (asked.sequence !== named.sequence) return { ok: false, reason: 'other_sequence' };
  if (asked.root !== named.root) return { ok: false, reason: 'other_root' };
  return { ok: true, approval: { asked, isReleased: true } };
}

/** May this step be carried out? Each release is good for one: afterwards nothing waits. */
export function isReleased(approval: Approval, named: NamedStep, rule: 'required' | 'none'): boolean {
  return rule === 'none' || (approval?.isReleased === true && isSame(approval.asked, named));
}
