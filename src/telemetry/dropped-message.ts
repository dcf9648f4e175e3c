// The line about a message that a queue or the room for retained messages did not keep.
import { ownerAndClientOf } from '../domain/client-id.ts';
import type { Journal } from '../ports/journal.ts';

const words = {
  queue_full: 'its queue is full, a message was dropped',
  not_taken: 'its client broke off its connection at a message again and again: the message was dropped',
} as const;

/** @param session the stored session's name; null: a retained message. @param bytes of topic and payload. */
export function tellDropped(
  journal: Journal,
  session: string | null,
  topic: string,
  reason: keyof typeof words,
  bytes: number,
): void {
  const whose = session === null ? null : ownerAndClientOf(session);
  journal.tell({
    action: 'message.dropped',
    reason,
    message: whose ? `${whose.clientId}: ${words[reason]}` : 'a retained message was dropped',
    fields: {
      'nolapse.client_id': whose?.clientId ?? null,
      ...(whose && { 'nolapse.principal': whose.owner }),
      'nolapse.topic': topic,
      'nolapse.message.bytes': bytes,
    },
  });
}
