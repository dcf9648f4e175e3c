// The goals of every attack: how long another client may wait, and how much memory may stay.
import type { Figure } from '../figure.ts';

const waitGoalMs = 250;
const memoryGoalMb = 64;

export function figureOf(name: string, waitMs: number, staysMb: number): Figure {
  return {
    name,
    measured: `ping ${waitMs.toFixed(0)} ms, ${staysMb.toFixed(0)} MB stay`,
    goal: `<= ${waitGoalMs} ms, <= ${memoryGoalMb} MB`,
    met: waitMs <= waitGoalMs && staysMb <= memoryGoalMb,
  };
}
