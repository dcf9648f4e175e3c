// The one place in which a decision that would leave certificates too little time is refused, or let through because somebody insists,
// with who that was and why in the journal.

import { change } from '../change.ts';
import type { App } from '../context.ts';
import type { Insistence } from '../decision-views.ts';
import { OperationError } from '../operations.ts';
import { shortSentence, type Toll } from './toll.ts';

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

/**
 * Lets a decision through that leaves nobody too little time. Any other it refuses with `conflict`, or records who insists on it.
 * @param what the decision in a few words, such as `the changed policies`.
 */
export async function allow(app: App, what: string, toll: Toll, { force, reason, by }: Insistence): Promise<void> {
  if (toll.short === 0) return;
  const sentence = shortSentence(toll.short, toll.devices);
  if (!force) {
    const hint = 'if that is right: --force --reason TEXT';
    throw new OperationError('conflict', [`refused: ${sentence}; ${hint}`, ...toll.named()]);
  }
  const actor = by?.trim() || 'somebody';
  await change(app, ({ record }) =>
    record({
      action: 'decision.forced',
      message: `${actor} insists on ${what}, although ${sentence}. Reason: ${reason?.trim()}`,
      reason: what,
      fields: { 'nolapse.by': actor, 'nolapse.short': toll.short },
    }),
  );
}
