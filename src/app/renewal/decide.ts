// The one place in which a decision that something speaks against, as that it leaves certificates too little time, is refused, or let
// through because somebody insists, with who that was and why in the journal.
import { type Changing, change } from '../change.ts';
import { OperationError } from '../operation-error.ts';
import type { Dryable, Insistence } from '../views/decisions.ts';

const textMax = 256;

/** Rejects with `invalid` where somebody insists without a reason, or gives one that cannot be kept. */
export function checkInsistence({ force = false, reason, by }: Insistence): void {
  const faults: string[] = [];
  if (force && !reason?.trim()) faults.push('reason: --force needs one: it is kept in the journal');
  if (!force && reason !== undefined) faults.push('reason: it goes with --force alone');
  for (const [name, text] of Object.entries({ reason, by })) {
    if (text !== undefined && (text.length > textMax || /\p{C}/u.test(text))) {
      faults.push(`${name}: not a text of at most ${textMax} printable characters`);
    }
  }
  if (faults.length > 0) throw new OperationError('invalid', faults);
}

/** What speaks against a decision. */
export interface Objection {
  /** How many it concerns. */
  readonly count: number;
  /** What the decision does. */
  readonly sentence: string;
  /** A line for each of the first it concerns. */
  readonly named: readonly string[];
}

/** All sentences in one. */
export function sentenceOf(objections: readonly Pick<Objection, 'sentence'>[]): string {
  return objections.map(({ sentence }) => sentence).join('; ');
}

/** A decision as sentences name it. */
export interface Decided {
  /** In a few words, such as `the changed policies`. */
  readonly what: string;
  /** The command that takes it. */
  readonly command: string;
}

/** Lets a decision through that nothing speaks against. Any other it refuses with `conflict`, or records who insists on it. */
export async function allow(
  app: Changing,
  { what, command }: Decided,
  objections: readonly Objection[],
  { force, reason, by, dryRun }: Insistence & Dryable,
): Promise<void> {
  if (objections.length === 0) return;
  const sentence = sentenceOf(objections);
  if (!force) {
    throw new OperationError('conflict', [
      `refused: ${sentence}`,
      ...objections.flatMap(({ named }) => named),
      `To apply it anyway: \`${command} --force --reason TEXT\``,
    ]);
  }
  if (dryRun) return;
  const actor = by?.trim() || 'somebody';
  await change(app, ({ record }) =>
    record({
      action: 'decision.forced',
      message: `${actor} insists on ${what}, although ${sentence}. Reason: ${reason?.trim()}`,
      reason: what,
      fields: { 'nolapse.by': actor, 'nolapse.short': objections[0]?.count },
    }),
  );
}
