// Everything the bench attacks the broker with, a group a file.
import type { Figure } from '../figure.ts';
import { underInsider } from './insider.ts';
import { underOutsider } from './outsider.ts';
import { sessions } from './sessions.ts';
import { strangers } from './strangers.ts';
import { subscriptions } from './subscriptions.ts';

export async function underAttack(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const attack of [...subscriptions, ...sessions]) figures.push(await underInsider(attack));
  for (const attack of strangers) figures.push(await underOutsider(attack));
  return figures;
}
