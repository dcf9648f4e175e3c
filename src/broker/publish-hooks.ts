// Messages on their way in and out: what may be published, what goes to the application instead of to subscribers, and
// what may be forwarded to whom. MQTT 3.1.1 has no negative acknowledgement, so a message that is not allowed is
// acknowledged and goes nowhere [MQTT-3.3.5-2].
import type { AedesOptions } from 'aedes';
import type { Entrance } from '../app/session.ts';
import { isTopicName, isWellFormed } from '../domain/topics.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import type { MqttPersistence } from '../ports/mqtt-persistence.ts';
import { brokerClient, type PublishPacket } from './aedes-internals.ts';
import type { BrokerLimits } from './limits.ts';
import type { LiveSession, SessionRegistry } from './session-registry.ts';
import { leaveUnanswered, setAsideOf, sink, sinkTopic } from './set-aside.ts';

type AuthorizePublish = NonNullable<AedesOptions['authorizePublish']>;
type AuthorizeForward = NonNullable<AedesOptions['authorizeForward']>;

const dollar = '$'.charCodeAt(0);

export interface PublishOptions {
  readonly decisions: DecisionLog;
  readonly entrance: Entrance;
  readonly registry: SessionRegistry;
  readonly persistence: Pick<MqttPersistence, 'takeRoom' | 'storeAhead'>;
}

export function authorizePublishHook(options: PublishOptions): AuthorizePublish {
  const { entrance, registry, persistence } = options;
  const tellUnanswered = ({ session, brokerClientId }: LiveSession): void =>
    options.decisions.tell({
      action: 'message.unanswered',
      reason: 'unreleased_messages',
      message: `${session.principal.id}: a message waits for others that were not released`,
      fields: { 'nolapse.principal': session.principal.id, 'nolapse.client_id': brokerClientId },
    });
  return (client, packet, callback) => {
    if (!client) {
      // The will of a client that is gone, left over from an earlier boot.
      const { clientId = '' } = packet as { readonly clientId?: string };
      if (!entrance.mayLeaveWill(clientId, packet.topic)) sink(packet);
      return callback(null);
    }
    const live = registry.of(client);
    if (!live) return callback(new Error('no session'));
    if (packet.qos === 2 && !client.closed && !persistence.takeRoom(packet, brokerClient(client))) {
      leaveUnanswered(packet);
      tellUnanswered(live);
      return callback(null);
    }
    const aside = setAsideOf(packet);
    const topic = aside?.topic ?? packet.topic;
    const isServerTopic = topic.charCodeAt(0) === dollar;
    if (isServerTopic && topic.startsWith('$SYS/')) {
      sink(packet);
      return callback(null);
    }
    const isAllowed = live.mayPublish(topic) && isWellFormed(topic) && (aside === null || isTopicName(topic));
    if (!isAllowed || (aside && aside.bytes !== null)) {
      sink(packet);
      if (isAllowed) entrance.oversized(live.session, topic, aside?.bytes ?? 0);
      else entrance.denied(live.session, 'publish', topic);
      return callback(null);
    }
    if (isServerTopic && topic.startsWith('$enroll/')) {
      const payload = bytesOf(packet.payload);
      sink(packet);
      answerOnceKept(entrance.receive(live.session, topic, payload), callback);
      return;
    }
    // A will is acknowledged to nobody.
    const stored = client.closed ? null : persistence.storeAhead(packet, brokerClient(client));
    if (stored) answerOnceKept(stored, callback);
    else callback(null);
  };
}

/** An error closes the connection without an acknowledgement, so the publisher sends again. */
function answerOnceKept(work: Promise<void>, callback: (error?: Error | null) => void): void {
  work.then(
    () => callback(null),
    (error: unknown) => callback(error instanceof Error ? error : new Error('the message could not be taken')),
  );
}

function bytesOf(payload: PublishPacket['payload']): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload) : payload;
}

export interface ForwardOptions {
  readonly registry: SessionRegistry;
  readonly limits: BrokerLimits;
  readonly brokerId: () => string;
}

export function authorizeForwardHook({ registry, limits, brokerId }: ForwardOptions): AuthorizeForward {
  return (client, packet) => {
    const live = registry.of(client);
    if (!live) return null;
    // Null would take the message out of a queue that the next session is to have; the socket is closing anyway.
    if (live.ending !== null) return packet;
    if (!live.mayReceive(packet.topic) || packet.topic === sinkTopic) return null;
    if (brokerClient(client).conn.writableLength > limits.outboundBytesMax) {
      if (packet.qos === 0) return null;
      registry.end(live, 'slow_reader');
    }
    // Retained is what a new subscription is sent [MQTT-3.3.1-9]; aedes would mark this for a bridge, and lose track of it in a queue.
    if (packet.retain && packet.brokerId === brokerId()) packet.retain = false;
    return packet;
  };
}
