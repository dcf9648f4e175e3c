// The application as the broker's edge sees it: judges connects, takes what devices say, and hears who listens.
import { isUpWord, parseEnrollmentTopic } from '../../domain/topics.ts';
import type { App } from '../context.ts';
import { refuseGateway } from '../enrollment/act-for.ts';
import { onListening } from '../enrollment/answer.ts';
import { hears, judgeSpeaker } from '../enrollment/delegations.ts';
import { receive } from '../enrollment/receive.ts';
import { mannerOf, sendDown } from '../enrollment/send-down.ts';
import { isAnswered, maySpeak } from '../enrollment/throttle.ts';
import type { Entrance, Session } from '../session.ts';
import { admitConnect } from './admit.ts';
import type { Seen } from './seen.ts';

/** Characters of a topic that are logged. */
const topicLogged = 128;

export function entranceOf(app: App, seen: Seen): Entrance {
  return {
    admit: async (facts) => {
      const admission = await admitConnect(app, facts);
      if (admission.admitted) {
        seen.note(admission.session.fingerprint, admission.session.principal.id, app.clock.now());
      } else app.knocks.note(admission.reason, facts, app.clock.now());
      return admission;
    },
    // Whoever an anchor introduced is not known to be who it says.
    came: ({ introduced, principal }) => introduced || app.presences.came(app, principal.id),
    left: ({ introduced, principal }) => introduced || app.presences.left(app, principal.id),
    receive: (session, topic, payload) => receive(app, session, topic, payload),
    listening: (session, bySubscribe) => {
      const { id, kind } = session.principal;
      // Who subscribes again and again is sent no more than who says hello again and again.
      if (!maySpeak(app.throttles, id, id, app.clock.now())) return;
      onListening(app, session, bySubscribe).catch((error: unknown) => tellFailure(app, session, error));
      if (kind === 'gateway' && session.lane === 'full') app.rounds.begin(app, id);
    },
    hears: (session, topic) => hears(app, session, topic),
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
  if (action !== 'publish') return;
  answerDenied(app, session, topic).catch((error: unknown) => tellFailure(app, session, error));
}

async function answerDenied(app: App, session: Session, topic: string): Promise<void> {
  const { id, kind } = session.principal;
  const address = parseEnrollmentTopic(topic);
  if (kind === 'gateway' && address && address.id !== id && isUpWord(address.word)) {
    const verdict = judgeSpeaker(app, session, address.id);
    if (!verdict.allowed) return refuseGateway(app, { gateway: id, device: address.id }, verdict);
  }
  // What it may not say takes nothing of what it may: behind a bridge there are others who publish on its topics.
  if (!isAnswered(app.throttles, id, id, false, app.clock.now())) return;
  const message = { word: 'error', code: 'not_authorized', detail: 'not a topic of yours to publish on' } as const;
  await sendDown(app, id, await mannerOf(app, id), message);
}
