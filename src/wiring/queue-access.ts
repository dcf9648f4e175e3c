// For whom a message may wait: what a kept session's filter matches and the session may not be handed takes no room in its queue. Only
// site gateways are asked about, whose filters match more than they may have; whatever waits is judged again as it is sent.
import { carries } from '../app/admission/carries.ts';
import type { Context } from '../app/context.ts';
import { compileDelegatedGate, compileTopicGate, either, type TopicGate } from '../broker/topic-gate.ts';
import { accessOf } from '../domain/acl.ts';
import { ownerOfSession } from '../domain/client-id.ts';
import { parsePrincipalId } from '../domain/principal.ts';

type QueueAccessContext = Pick<Context, 'store' | 'clock' | 'decisions' | 'settings'>;

/** Sessions whose gates are kept ready. */
const gatesMax = 65_536;

/** @returns may a message on this topic wait for the session of this name? Asked for each message and each session that it waits for. */
export function queueAccess(app: QueueAccessContext) {
  const gates = new Map<string, TopicGate | null>();
  return (session: string, topic: string): boolean => {
    let gate = gates.get(session);
    if (gate === undefined) {
      try {
        gate = gateOf(app, session);
      } catch {
        // What cannot be judged now is judged when it is sent.
        return true;
      }
      if (gates.size >= gatesMax) gates.clear();
      gates.set(session, gate);
    }
    return gate === null || gate(topic);
  };
}

/** Null: open. Neither an id's kind nor the access lists change while the broker runs. */
function gateOf(app: Parameters<typeof queueAccess>[0], session: string): TopicGate | null {
  const id = parsePrincipalId(ownerOfSession(session));
  const principal = id && app.store.glance.principal(id);
  if (principal?.kind !== 'gateway') return null;
  const { receive, delegated } = accessOf(principal, 'full', app.settings.access);
  return either(
    compileTopicGate(receive),
    compileDelegatedGate(delegated.receive, (device) => carries(app, { principal, lane: 'full' }, device)),
  );
}
