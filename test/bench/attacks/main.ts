// Everything the bench attacks the broker with, a group a file.
import type { Figure } from '../figure.ts';
import { underInsider } from './insider.ts';
import { sessions } from './sessions.ts';
import { subscriptions } from './subscriptions.ts';

export async function underAttack(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const attack of [...subscriptions, ...sessions]) figures.push(await underInsider(attack));
  return figures;
}
