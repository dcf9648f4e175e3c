// The queues that are being sent to the sessions that are here, and what becomes of a message that its client cannot take.
import type { EndCause } from '../../domain/disconnection.ts';
import type { MqttPersistenceOptions } from '../../ports/mqtt-options.ts';
import type { Acknowledgement, MqttClient, MqttSession } from '../../ports/mqtt-packets.ts';
import type { Arrivals } from './arrivals.ts';
import { Backlog } from './backlog.ts';
import type { MqttOutgoing } from './outgoing.ts';
import { MqttUntaken } from './untaken.ts';

export interface BacklogsOptions
  extends Required<Pick<MqttPersistenceOptions, 'isRenewing' | 'allowanceOf' | 'onDropped'>> {
  readonly outgoing: MqttOutgoing;
  readonly submit: <T>(work: () => T) => Promise<T>;
  readonly failed: (error: unknown) => void;
}

export class MqttBacklogs {
  readonly #options: BacklogsOptions;
  readonly #untaken = new MqttUntaken();
  readonly #backlogs = new WeakMap<MqttClient, Backlog>();

  constructor(options: BacklogsOptions) {
    this.#options = options;
  }

  /** Takes over sending this client its queue. */
  attend(client: MqttSession, arrivals: Arrivals): void {
    const { outgoing, submit, allowanceOf } = this.#options;
    this.#backlogs.set(client, new Backlog(client, { outgoing, arrivals, submit, allowanceOf }));
  }

  /** Begins to send. False: the client is not attended to. */
  send(client: MqttClient): boolean {
    const backlog = this.#backlogs.get(client);
    const withCare = this.#untaken.isSuspected(client.id);
    backlog?.send(withCare ? { mustHold: () => this.#mustHold(client.id) } : null);
    return backlog !== undefined;
  }

  /** The client has a message, or all of it. */
  acknowledged(client: MqttClient, { messageId }: Acknowledgement): void {
    if (this.#backlogs.get(client)?.acknowledged(messageId)) this.#untaken.forget(client.id);
  }

  /** Its connection has ended: if that was for the first message of its queue, and again and again, the message is dropped. */
  leave(client: MqttSession, cause: EndCause): void {
    const { outgoing, submit, onDropped, failed } = this.#options;
    const sent = this.#backlogs.get(client)?.ended();
    if (!sent || client.clean) return;
    const { place, cameAt, sentAt } = sent;
    const first = `${place.boot}/${place.counter}`;
    if (!this.#untaken.ended(client.id, { first, cause, cameAt, sentAt, endedAt: performance.now() })) return;
    submit(() => outgoing.drop(client.id, place)).then(
      (gone) => gone && onDropped(client.id, gone.topic, 'not_taken', gone.bytes),
      failed,
    );
  }

  async #mustHold(clientId: string): Promise<boolean> {
    return (await this.#options.isRenewing(clientId)) && this.#untaken.mayHold(clientId);
  }
}
