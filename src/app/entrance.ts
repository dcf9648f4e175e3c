// The application as the broker's edge sees it: judges connects, takes what devices say, and hears who listens.

import { admitConnect } from './admit.ts';
import type { App } from './context.ts';
import { promptPrincipal } from './prompt.ts';
import { receive } from './receive.ts';
import type { Seen } from './seen.ts';
import { mannerOf, sendDown } from './send-down.ts';
import type { Entrance, Session } from './session.ts';

/** Characters of a topic that are logged. */
const topicLogged = 128;

export function entranceOf(app: App, seen: Seen): Entrance {
  return {
    admit: async (facts) => {
      const admission = await admitConnect(app, facts);
      if (admission.admitted) {
        seen.note(admission.session.fingerprint, admission.session.principal.id, app.clock.now());
      }
      return admission;
    },
    receive: (session, topic, payload) => receive(app, session, topic, payload),
    listening: (session) => {
      promptPrincipal(app, session.principal.id).catch((error: unknown) => tellFailure(app, session, error));
    },
    denied: (session, action, topic) => tellDenied(app, session, action, topic),
  };
}

function tellFailure(app: App, session: Session, error: unknown): void {
  app.journal.tell({
    action: 'effect.failed',
    level: 'error',
    message: `${session.principal.id}: what is owed could not be sent; the sweep will`,
    fields: { 'error.message': error instanceof Error ? error.message : String(error) },
  });
}

function tellDenied(app: App, session: Session, action: 'publish' | 'subscribe', topic: string): void {
  const { id } = session.principal;
  app.journal.tell({
    action: 'access.denied',
    level: 'warn',
    reason: action,
    message: `${id} may not ${action} there`,
    fields: { 'nolapse.principal': id, 'nolapse.topic': topic.slice(0, topicLogged), 'nolapse.lane': session.lane },
  });
  if (action !== 'publish' || !app.throttle.take(id, app.clock.now())) return;
  const message = { word: 'error', code: 'not_authorized', detail: 'not a topic of yours to publish on' } as const;
  const sent = mannerOf(app, id).then((manner) => sendDown(app, id, manner, message));
  sent.catch((error: unknown) => tellFailure(app, session, error));
}
