// What the broker keeps of messages and sessions, in the home's database and within the configuration's limits.
import type { Broker } from './broker/broker.ts';
import type { Config } from './config.ts';
import { ownerAndClientOf } from './domain/client-id.ts';
import type { Parts } from './home.ts';
import type { Journal } from './ports/journal.ts';
import { queueAccess } from './queue-access.ts';
import { createMqttPersistence, type MqttPersistence } from './store/mqtt-persistence.ts';

function tellDropped(journal: Journal, session: string | null, topic: string): void {
  const whose = session === null ? null : ownerAndClientOf(session);
  journal.tell({
    action: 'message.dropped',
    reason: 'queue_full',
    message: whose ? `${whose.clientId}: its queue is full, a message was dropped` : 'a retained message was dropped',
    fields: {
      'nolapse.client_id': whose?.clientId ?? null,
      ...(whose && { 'nolapse.principal': whose.owner }),
      'nolapse.topic': topic,
    },
  });
}

/** @param broker null until there is one. */
export function keepMessages(
  { app, database, journal }: Pick<Parts, 'app' | 'database' | 'journal'>,
  limits: Config['limits'],
  broker: () => Broker | null,
): MqttPersistence {
  return createMqttPersistence(database, {
    mayStore: (clientId, filter) => broker()?.mayStore(clientId, filter) ?? false,
    mayReceive: queueAccess(app),
    queuedMessagesMax: limits.queuedMessages,
    queuedBytesMax: limits.queuedBytes,
    unreleasedMessagesMax: limits.unreleasedMessages,
    retained: {
      messagesMax: limits.retainedMessages,
      bytesMax: limits.retainedBytes,
      messagesPerPrincipalMax: limits.retainedMessagesPerPrincipal,
      bytesPerPrincipalMax: limits.retainedBytesPerPrincipal,
    },
    sessionsPerPrincipalMax: limits.sessionsPerPrincipal,
    isConnected: (clientId) => broker()?.isConnected(clientId) ?? false,
    onDropped: (session, topic) => tellDropped(journal, session, topic),
  });
}
