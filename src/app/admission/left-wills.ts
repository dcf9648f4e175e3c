// Wills of sessions that the broker could not end, because it was killed: published at its next start, if whoever left them still might.
import { accessOf, mayPublish } from '../../domain/acl.ts';
import { ownerOfSession } from '../../domain/client-id.ts';
import { parsePrincipalId } from '../../domain/principal.ts';
import { isReserved, quotedTopic, topicLoggedMax } from '../../domain/topics.ts';
import type { Context } from '../context.ts';

type WillContext = Pick<Context, 'store' | 'decisions' | 'settings'>;

/** As {@link Entrance.mayLeaveWill} has it. Sessions of the renew-only lane leave none. */
export function mayLeaveWill({ store, decisions, settings }: WillContext, session: string, topic: string): boolean {
  const id = parsePrincipalId(ownerOfSession(session));
  const principal = id && store.glance.principal(id);
  const isAllowed =
    principal !== null &&
    principal.status !== 'decommissioned' &&
    !isReserved(topic) &&
    mayPublish(accessOf(principal, 'full', settings.access), topic);
  if (isAllowed) return true;
  decisions.tell({
    action: 'access.denied',
    level: 'warn',
    reason: 'publish',
    message: `a will that ${id ?? 'nobody'} left behind may not be published on ${quotedTopic(topic)} any more`,
    fields: { ...(id && { 'nolapse.principal': id }), 'nolapse.topic': topic.slice(0, topicLoggedMax) },
  });
  return false;
}
