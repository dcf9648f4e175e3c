// The alert sink that is always there: the journal.
import type { Journal } from '../ports/journal.ts';
import type { Notifier } from '../ports/notifier.ts';

export function createLogNotifier(journal: Journal): Notifier {
  return {
    alert: ({ kind, subject, detail }) =>
      journal.tell({
        action: 'alert.raised',
        level: 'warn',
        reason: kind,
        message: `ALERT ${subject}: ${detail}`,
        fields: { 'nolapse.alert.subject': subject },
      }),
  };
}
