// What the broker keeps of messages and sessions, in the home's database and within the configuration's limits.
import type { Broker } from '../broker/broker.ts';
import type { Config } from '../config/index.ts';
import { ownerOfSession } from '../domain/client-id.ts';
import { parsePrincipalId } from '../domain/principal.ts';
import { isOpen } from '../domain/renewal.ts';
import type { Parts } from '../home/home.ts';
import type { MqttPersistence } from '../ports/mqtt-persistence.ts';
import { createMqttPersistence } from '../store/mqtt/persistence.ts';
import { tellDropped } from '../telemetry/dropped-message.ts';
import { queueAccess } from './queue-access.ts';

async function isRenewing({ store }: Parts['app'], session: string): Promise<boolean> {
  const id = parsePrincipalId(ownerOfSession(session));
  const renewal = id && (await store.read.currentRenewal(id));
  // Until it has heard that all is done, its device keeps two credentials.
  return renewal !== null && (isOpen(renewal) || (renewal.state === 'activated' && renewal.confirmedAt === null));
}

/** @param broker null until there is one. */
export function keepMessages(
  { app, database, decisions }: Pick<Parts, 'app' | 'database' | 'decisions'>,
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
    allowanceOf: (session) => broker()?.allowanceOf(session),
    isRenewing: (session) => isRenewing(app, session),
    onDropped: (session, topic, reason, bytes) => tellDropped(decisions, session, topic, reason, bytes),
  });
}
