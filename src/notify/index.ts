// The alert sinks there are. A new one is a file beside this and a line in here.
import type { Journal } from '../ports/journal.ts';
import type { Notifier } from '../ports/notifier.ts';
import { createLogNotifier } from './log.ts';

export function createNotifier(journal: Journal): Notifier {
  return createLogNotifier(journal);
}
