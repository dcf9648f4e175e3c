// The line about a message that a queue or the room for retained messages did not keep.
import { ownerAndClientOf } from '../domain/client-id.ts';
import { quotedTopic } from '../domain/topics.ts';
import type { DecisionLog } from '../ports/decision-log.ts';

const words = {
  queue_full: 'its queue is full',
  not_taken: 'its client broke off its connection at it again and again',
} as const;

/** @param session the stored session's name; null: a retained message. @param bytes of topic and payload. */
export function tellDropped(
  decisions: DecisionLog,
  session: string | null,
  topic: string,
  reason: keyof typeof words,
  bytes: number,
): void {
  const whose = session === null ? null : ownerAndClientOf(session);
  decisions.tell({
    action: 'message.dropped',
    reason,
    message: whose
      ? `${whose.clientId}: a message on ${quotedTopic(topic)} was dropped: ${words[reason]}`
      : `a retained message on ${quotedTopic(topic)} was dropped: there is no room for it`,
    fields: {
      'nolapse.client_id': whose?.clientId ?? null,
      ...(whose && { 'nolapse.principal': whose.owner }),
      'nolapse.topic': topic,
      'nolapse.message.bytes': bytes,
    },
  });
}
