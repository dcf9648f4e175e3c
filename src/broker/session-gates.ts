// Where a session may publish and what it may be handed, made ready when it begins. What depends on delegations is asked of the
// application at each message.
import type { Entrance, Session } from '../app/session.ts';
import { enrollmentRoot } from '../domain/topics.ts';
import { compileDelegatedGate, compileTopicGate, either, type TopicGate } from './topic-gate.ts';

export interface SessionGates {
  readonly mayPublish: TopicGate;
  readonly mayReceive: TopicGate;
}

export function gatesOf(session: Session, entrance: Pick<Entrance, 'hears' | 'carries'>): SessionGates {
  const { publish, receive, delegated } = session.access;
  const orDelegated = (own: TopicGate, patterns: readonly string[]): TopicGate => {
    if (patterns.length === 0) return own;
    return either(
      own,
      compileDelegatedGate(patterns, (device) => entrance.carries(session, device)),
    );
  };
  const own = orDelegated(compileTopicGate(receive), delegated.receive);
  return {
    mayPublish: orDelegated(compileTopicGate(publish), delegated.publish),
    mayReceive: (topic) => own(topic) || (topic.startsWith(enrollmentRoot) && entrance.hears(session, topic)),
  };
}
