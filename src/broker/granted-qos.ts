// At which QoS a client is sent a message: the lower of the message's own and the highest that its matching subscriptions
// grant [MQTT-3.8.4-6], [MQTT-3.3.5-1]. aedes lowers it only for a subscription to the very topic, and of several that match
// lets the first decide.

import { costOfBytes, costs } from '../domain/costs.ts';
import { matchesLevels } from '../domain/topics.ts';
import type { BrokerClient, LiveSubscription, Qos } from './aedes-internals.ts';

/** What was granted to subscriptions whose QoS was raised in the eyes of aedes. */
const raised = new WeakMap<LiveSubscription, Qos>();

/** The levels of each subscription's filter. */
const levels = new WeakMap<LiveSubscription, readonly string[]>();

/** The highest QoS that the subscriptions matching the topic grant; null when none matches. */
export function grantedQos({ subscriptions }: BrokerClient, topic: string): Qos | null {
  const name = topic.split('/');
  let most: Qos | null = null;
  for (const filter in subscriptions) {
    const subscription = subscriptions[filter];
    const qos = grantOf(subscription);
    if (subscription && (most === null || qos > most) && matchesLevels(levelsOf(subscription, filter), name))
      most = qos;
  }
  return most;
}

/** The message that is being handed on, as it is brought by a subscription. */
export interface HandedOn {
  /** Is it brought to this client for the first time? */
  isFirst(client: object): boolean;
  /** So much more was spent on it. */
  charge(units: number): void;
}

/**
 * Makes aedes deliver so to this client, whichever of its subscriptions brings the message, and once: aedes brings it by each of them, one
 * after another. A message from the queue has its packet identifier, and a retained one no broker id: neither is told here.
 */
export function deliverAsGranted(client: BrokerClient, brokerId: string, handed: HandedOn): void {
  const { deliver0, deliverQoS } = client;
  const deliver: BrokerClient['deliverQoS'] = (packet, done) => {
    if (packet.brokerId === brokerId && packet.messageId === undefined) {
      // A bridge's own message may still reach it by another subscription.
      if (packet.nl && packet.clientId === client.id) return done();
      if (!handed.isFirst(client)) return done();
      handed.charge(costs.delivery + costOfBytes(packet.payload.length));
    }
    // What comes from the queue was lowered before it was stored.
    if (packet.qos > 0 && packet.messageId === undefined && mayLower(client, packet.qos)) {
      const granted = grantedQos(client, packet.topic);
      handed.charge(Object.keys(client.subscriptions).length * costs.row);
      if (granted !== null && granted < packet.qos) packet.qos = granted;
    }
    if (packet.qos === 0) return deliver0(packet, done);
    keepAt(packet.qos, client.subscriptions[packet.topic]);
    deliverQoS(packet, done);
  };
  client.deliver0 = deliver;
  client.deliverQoS = deliver;
}

function levelsOf(subscription: LiveSubscription, filter: string): readonly string[] {
  let known = levels.get(subscription);
  if (!known) {
    known = filter.split('/');
    levels.set(subscription, known);
  }
  return known;
}

function grantOf(subscription: LiveSubscription | undefined): Qos {
  return subscription ? (raised.get(subscription) ?? subscription.qos) : 0;
}

/** Does any subscription grant less? Most clients' grant all that is published, and no filter need be matched for them. */
function mayLower({ subscriptions }: BrokerClient, published: Qos): boolean {
  for (const filter in subscriptions) if (grantOf(subscriptions[filter]) < published) return true;
  return false;
}

/** aedes would lower the message to this subscription's QoS, although another one grants more. */
function keepAt(qos: Qos, subscription: LiveSubscription | undefined): void {
  if (!subscription || subscription.qos >= qos) return;
  if (!raised.has(subscription)) raised.set(subscription, subscription.qos);
  subscription.qos = qos;
}
