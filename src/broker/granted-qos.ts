// At which QoS a client is sent a message: the lower of the message's own and the highest that its matching subscriptions
// grant [MQTT-3.8.4-6], [MQTT-3.3.5-1]. aedes lowers it only for a subscription to the very topic, and of several that match
// lets the first decide.
import { matches } from '../domain/topics.ts';
import type { BrokerClient, LiveSubscription, Qos } from './aedes-internals.ts';

/** The highest QoS that the subscriptions matching the topic grant; null when none matches. */
export function grantedQos(client: BrokerClient, topic: string): Qos | null {
  let most: Qos | null = null;
  for (const [filter, subscription] of Object.entries(client.subscriptions)) {
    const qos = lowered.get(subscription) ?? subscription.qos;
    if ((most === null || qos > most) && matches(filter, topic)) most = qos;
  }
  return most;
}

/** Makes aedes deliver so to this client, whichever of its subscriptions brings the message. */
export function deliverAsGranted(client: BrokerClient): void {
  const { deliver0, deliverQoS } = client;
  const deliver: BrokerClient['deliverQoS'] = (packet, done) => {
    // What comes from the queue was lowered before it was stored.
    if (packet.qos > 0 && packet.messageId === undefined) {
      packet.qos = lower(packet.qos, grantedQos(client, packet.topic));
    }
    if (packet.qos === 0) return deliver0(packet, done);
    keepAt(packet.qos, client.subscriptions[packet.topic]);
    deliverQoS(packet, done);
  };
  client.deliver0 = deliver;
  client.deliverQoS = deliver;
}

/** What was granted to subscriptions whose QoS was raised in the eyes of aedes. */
const lowered = new WeakMap<LiveSubscription, Qos>();

function lower(published: Qos, granted: Qos | null): Qos {
  return granted !== null && granted < published ? granted : published;
}

/** aedes would lower the message to this subscription's QoS, although another one grants more. */
function keepAt(qos: Qos, subscription: LiveSubscription | undefined): void {
  if (!subscription || subscription.qos >= qos) return;
  if (!lowered.has(subscription)) lowered.set(subscription, subscription.qos);
  subscription.qos = qos;
}
