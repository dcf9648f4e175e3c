// At which QoS a client is sent a message: the lower of the message's own and the highest that its matching subscriptions
// grant [MQTT-3.8.4-6], [MQTT-3.3.5-1]. aedes lowers it only for a subscription to the very topic, and of several that match
// lets the first decide.
import { matches } from '../domain/topics.ts';
import type { BrokerClient, LiveSubscription, Qos } from './aedes-internals.ts';

/** What was granted to subscriptions whose QoS was raised in the eyes of aedes. */
const raised = new WeakMap<LiveSubscription, Qos>();

/** The highest QoS that the subscriptions matching the topic grant; null when none matches. */
export function grantedQos({ subscriptions }: BrokerClient, topic: string): Qos | null {
  let most: Qos | null = null;
  for (const filter of Object.keys(subscriptions)) {
    const qos = grantOf(subscriptions[filter]);
    if ((most === null || qos > most) && matches(filter, topic)) most = qos;
  }
  return most;
}

/** Makes aedes deliver so to this client, whichever of its subscriptions brings the message. */
export function deliverAsGranted(client: BrokerClient): void {
  const { deliver0, deliverQoS } = client;
  const deliver: BrokerClient['deliverQoS'] = (packet, done) => {
    // What comes from the queue was lowered before it was stored.
    if (packet.qos > 0 && packet.messageId === undefined && mayLower(client, packet.qos)) {
      const granted = grantedQos(client, packet.topic);
      if (granted !== null && granted < packet.qos) packet.qos = granted;
    }
    if (packet.qos === 0) return deliver0(packet, done);
    keepAt(packet.qos, client.subscriptions[packet.topic]);
    deliverQoS(packet, done);
  };
  client.deliver0 = deliver;
  client.deliverQoS = deliver;
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
