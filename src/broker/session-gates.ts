// Where a session may publish and what it may be handed, made ready when it begins. What depends on delegations is asked of the
// application at each message.
import type { Entrance, Session } from '../app/session.ts';
import type { Access } from '../domain/acl.ts';
import { enrollmentRoot } from '../domain/topics.ts';
import { compileDelegatedGate, compileTopicGate, either, type TopicGate } from './topic-gate.ts';

export interface SessionGates {
  readonly mayPublish: TopicGate;
  readonly mayReceive: TopicGate;
}

/** The gates of patterns that are asked nothing more; sessions of one principal share its patterns. */
const compiled = new WeakMap<Access, SessionGates>();

function plainGatesOf(access: Access): SessionGates {
  const known = compiled.get(access);
  if (known) return known;
  const gates = { mayPublish: compileTopicGate(access.publish), mayReceive: compileTopicGate(access.receive) };
  compiled.set(access, gates);
  return gates;
}

export function gatesOf(session: Session, entrance: Pick<Entrance, 'hears' | 'carries'>): SessionGates {
  const { delegated } = session.access;
  const plain = plainGatesOf(session.access);
  const orDelegated = (own: TopicGate, patterns: readonly string[]): TopicGate => {
    if (patterns.length === 0) return own;
    return either(
      own,
      compileDelegatedGate(patterns, (device) => entrance.carries(session, device)),
    );
  };
  const own = orDelegated(plain.mayReceive, delegated.receive);
  return {
    mayPublish: orDelegated(plain.mayPublish, delegated.publish),
    mayReceive: (topic) => own(topic) || (topic.startsWith(enrollmentRoot) && entrance.hears(session, topic)),
  };
}
