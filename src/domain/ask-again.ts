// When a device that is owed nothing should ask again: as soon as something may be owed to it, and never so that a fleet comes at once.
import { dayMs } from './time.ts';

/** The longest a device is told to wait, in seconds. */
export const askAgainMostSeconds = dayMs / 1_000;

/** By how much of itself a wait may be drawn out. */
const drawnOut = 0.1;

/**
 * @param waitMs until something may be owed.
 * @param chance from 0 to 1, another for each device and each time.
 * @returns seconds, at least 1: not before that and up to a tenth later; where that may be more than a day, half a day to a day.
 */
export function askAgainSeconds(waitMs: number, chance: number): number {
  const seconds = Math.max(1, waitMs / 1_000);
  const most = askAgainMostSeconds;
  if (seconds * (1 + drawnOut) > most) return Math.ceil(most * (0.5 + chance / 2));
  return Math.ceil(seconds * (1 + drawnOut * chance));
}
