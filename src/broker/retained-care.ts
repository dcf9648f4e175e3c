// Follows, for each session of a device, which retained message it may break off at, and says so when one is kept from it.
import type { EndCause } from '../domain/disconnection.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import type { RetainedCare } from './retained-replay.ts';
import type { LiveSession } from './session-registry.ts';
import { type RetainedSent, UntakenRetained } from './untaken-retained.ts';

export class DeviceCare implements RetainedCare {
  readonly #decisions: DecisionLog;
  readonly #now: () => number;
  readonly #untaken = new UntakenRetained();
  /** The largest that was sent, and when the session first was sent one. */
  readonly #sent = new WeakMap<LiveSession, { readonly largest: RetainedSent; readonly cameAt: number }>();

  /** @param now in milliseconds of a clock that only goes forward. */
  constructor(decisions: DecisionLog, now: () => number = () => performance.now()) {
    this.#decisions = decisions;
    this.#now = now;
  }

  isWithheld({ brokerClientId }: LiveSession, topic: string, payload: Buffer | string): boolean {
    return this.#untaken.isWithheld(brokerClientId, topic, payload, this.#now());
  }

  sending(live: LiveSession, topic: string, payload: Buffer | string): void {
    // Other programs end their connections as it suits them, and have the memory.
    if (live.session.principal.kind !== 'device') return;
    const now = this.#now();
    const before = this.#sent.get(live);
    const largest = this.#untaken.suspect(before?.largest ?? null, topic, payload, now);
    if (largest) this.#sent.set(live, { largest, cameAt: before?.cameAt ?? now });
  }

  /** Its connection has ended. @param heardAt when anything was read of it last. */
  ended(live: LiveSession, cause: EndCause, heardAt: number): void {
    const sent = this.#sent.get(live);
    if (!sent) return;
    const { largest, cameAt } = sent;
    const end = { cause, cameAt, heardAt, endedAt: this.#now() };
    if (!this.#untaken.ended(live.brokerClientId, largest, end)) return;
    this.#decisions.tell({
      action: 'message.dropped',
      reason: 'not_taken',
      message: `${live.shownClientId}: it broke off its connection at a retained message again and again: the message is kept from it for a day`,
      fields: {
        'nolapse.principal': live.session.principal.id,
        'nolapse.client_id': live.shownClientId,
        'nolapse.topic': largest.topic,
        'nolapse.message.bytes': largest.bytes,
      },
    });
  }
}
