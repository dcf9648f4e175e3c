// Who keeps sessions and messages, as aedes wants it: streams where the port has what is gone through, and an answer of its own to what
// this folder does in aedes's place.
import { Readable } from 'node:stream';
import type { Acknowledgement, MqttBroker, MqttClient, PublishPacket, PubrelPacket } from '../ports/mqtt-packets.ts';
import type { MqttPersistence, Recipient, StoredSubscription } from '../ports/mqtt-persistence.ts';

export class AedesPersistence {
  readonly #kept: MqttPersistence;

  constructor(kept: MqttPersistence) {
    this.#kept = kept;
  }

  /** aedes refuses one that is not written as an asynchronous function. */
  async setup(broker: MqttBroker): Promise<void> {
    await this.#kept.setup(broker);
  }

  destroy() {
    return this.#kept.destroy();
  }

  storeRetained(packet: PublishPacket) {
    return this.#kept.storeRetained(packet);
  }

  /** aedes asks this after each SUBSCRIBE: there are none, because retained messages are sent in another way (retained-replay.ts). */
  createRetainedStreamCombi(_filters: readonly string[]): Readable {
    return Readable.from([]);
  }

  addSubscriptions(client: MqttClient, subscriptions: readonly StoredSubscription[]) {
    return this.#kept.addSubscriptions(client, subscriptions);
  }

  removeSubscriptions(client: MqttClient, filters: readonly string[]) {
    return this.#kept.removeSubscriptions(client, filters);
  }

  subscriptionsByClient(client: MqttClient) {
    return this.#kept.subscriptionsByClient(client);
  }

  subscriptionsByTopic(topic: string) {
    return this.#kept.subscriptionsByTopic(topic);
  }

  cleanSubscriptions(client: MqttClient) {
    return this.#kept.cleanSubscriptions(client);
  }

  countOffline() {
    return this.#kept.countOffline();
  }

  getClientList(filter: string): Readable {
    return Readable.from(this.#kept.clientsWith(filter));
  }

  outgoingEnqueue(recipient: Recipient, packet: PublishPacket) {
    return this.#kept.outgoingEnqueue(recipient, packet);
  }

  outgoingEnqueueCombi(recipients: readonly Recipient[], packet: PublishPacket) {
    return this.#kept.outgoingEnqueueCombi(recipients, packet);
  }

  outgoingUpdate(client: MqttClient, packet: PublishPacket | PubrelPacket) {
    return this.#kept.outgoingUpdate(client, packet);
  }

  outgoingClearMessageId(client: MqttClient, packet: Acknowledgement) {
    return this.#kept.outgoingClearMessageId(client, packet);
  }

  /** aedes asks this after CONNACK. What a client that is attended to is owed goes another way. */
  outgoingStream(client: MqttClient): Readable {
    return Readable.from(this.#kept.outgoing(client));
  }

  incomingStorePacket(client: MqttClient, packet: PublishPacket) {
    return this.#kept.incomingStorePacket(client, packet);
  }

  /** aedes asks this of a QoS 2 PUBLISH as it arrives, and of its PUBREL. */
  incomingGetPacket(client: MqttClient, packet: PublishPacket | PubrelPacket) {
    return this.#kept.incomingGetPacket(client, packet);
  }

  incomingDelPacket(client: MqttClient, packet: Acknowledgement) {
    return this.#kept.incomingDelPacket(client, packet);
  }

  cleanIncoming(client: MqttClient) {
    return this.#kept.cleanIncoming(client);
  }

  putWill(client: MqttClient, will: PublishPacket) {
    return this.#kept.putWill(client, will);
  }

  getWill(client: MqttClient) {
    return this.#kept.getWill(client);
  }

  delWill(client: MqttClient & { readonly brokerId?: string | undefined }) {
    return this.#kept.delWill(client);
  }

  streamWill(alive?: Readonly<Record<string, unknown>>): Readable {
    return Readable.from(this.#kept.wills(alive));
  }
}
