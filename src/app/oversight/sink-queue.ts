// What waits for one sink, told in the order of what happened and at least once. What fails is put off; what will never be taken is
// dropped and counted, and so is the oldest of what is too much.
import { type Alert, type AlertName, alertKey } from '../../domain/alert.ts';
import { backoffMs } from '../../domain/backoff.ts';
import { retryAfterMaxMs } from '../../domain/retry-after.ts';
import type { WaitingNotification } from '../../ports/notifications.ts';
import type { Sink, SinkAnswer } from '../../ports/sink.ts';
import type { Context } from '../context.ts';
import type { WithTurns } from '../turns.ts';
import { Worker } from '../worker.ts';

export type SinkQueueContext = Pick<Context, 'store' | 'clock' | 'decisions' | 'settings'> & WithTurns;

const retryFirstMs = 1_000;
/** The longest pause after a failure. */
const retryMaxMs = 300_000;
/** Open alerts that a sink which forgets is told again, in the order of their names. */
const againMax = 10_000;

/** How long a stop waits for the other side. */
const closeMs = 1_000;

type Failure = SinkAnswer & { readonly kind: 'refused' | 'failed' };

export class SinkQueue {
  readonly #app: SinkQueueContext;
  readonly #name: string;
  readonly #sink: Sink;
  readonly #stopping = new AbortController();
  readonly #worker: Worker;
  /** How far the round is in which what is open is told again. */
  #again: { after: AlertName | null; told: number } | null = null;
  #againAt = Number.NEGATIVE_INFINITY;
  /** Until when the other side asked to be left alone, by the steady clock. */
  #restUntil = Number.NEGATIVE_INFINITY;

  constructor(app: SinkQueueContext, name: string, sink: Sink) {
    this.#app = app;
    this.#name = name;
    this.#sink = sink;
    // The store itself failed: the next poke or sweep tries again.
    this.#worker = new Worker(
      () => this.#round(),
      (error) => this.#tellFailure(error instanceof Error ? error.message : String(error)),
    );
  }

  poke(): void {
    this.#worker.poke();
  }

  /** What is on its way has a moment to arrive: it is told again after a start else. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#stopping.abort(), closeMs);
    await this.#worker.close();
    clearTimeout(timer);
  }

  async #round(): Promise<boolean> {
    await this.#trim();
    const isMore = await this.#tellSome();
    await this.#app.turns.take();
    return isMore;
  }

  /** A sink that cannot be reached keeps the newest. */
  async #trim(): Promise<void> {
    const { store, settings } = this.#app;
    if ((await store.read.waitingNotifications(this.#name)) <= settings.alertQueueMax) return;
    this.#tellDropped(
      'queue_full',
      await store.transact((tx) => tx.trimNotifications(this.#name, settings.alertQueueMax)),
    );
  }

  /** @returns whether there may be more to tell now. */
  async #tellSome(): Promise<boolean> {
    if (this.#app.clock.steady() < this.#restUntil) return false;
    const waiting = await this.#app.store.read.notifications(this.#name, this.#sink.batchMax);
    const [first] = waiting;
    // Only what waits for nothing: what is open now would be told before what became of it.
    if (!first) return this.#tellAgain();
    if (this.#isPutOff(first)) return false;
    const answer = await this.#sink.tell(waiting, this.#stopping.signal);
    if (answer.kind === 'told') return this.#settle(waiting);
    // One that will not be taken spoils those it is told with: it is found by telling of it alone.
    if (answer.kind === 'refused' && waiting.length > 1) return this.#tellAlone(first);
    return this.#bear(first, answer);
  }

  async #tellAlone(first: WaitingNotification): Promise<boolean> {
    const answer = await this.#sink.tell([first], this.#stopping.signal);
    return answer.kind === 'told' ? this.#settle([first]) : this.#bear(first, answer);
  }

  /** Put off until a time that has not come; further ahead than any is put off, the clock was set back. */
  #isPutOff({ dueAt }: WaitingNotification): boolean {
    const now = this.#app.clock.now();
    return dueAt > now && dueAt <= now + Math.max(retryMaxMs, retryAfterMaxMs);
  }

  async #settle(told: readonly WaitingNotification[]): Promise<boolean> {
    await this.#app.store.transact(async (tx) => {
      for (const { id } of told) await tx.dropNotification(id);
    });
    return true;
  }

  async #bear(first: WaitingNotification, failure: Failure): Promise<boolean> {
    const { kind, detail, retryAfterMs = 0 } = failure;
    if (this.#stopping.signal.aborted) return false;
    const now = this.#app.clock.now();
    this.#rest(failure);
    this.#tellFailure(detail);
    if (kind === 'refused') {
      this.#tellDropped('refused', 1);
      return this.#settle([first]);
    }
    const growingMs = backoffMs(first.attempts, retryFirstMs, retryMaxMs);
    const pauseMs = Math.max(growingMs, retryAfterMs);
    await this.#app.store.transact((tx) => tx.putOffNotification(first.id, now + pauseMs));
    return false;
  }

  /** What is told anew while the other side rests waits as well. */
  #rest({ retryAfterMs = 0 }: Failure): void {
    this.#restUntil = this.#app.clock.steady() + retryAfterMs;
  }

  /** Tells a sink that forgets of some of what is open. @returns whether there is more of it. */
  async #tellAgain(): Promise<boolean> {
    const { again, batchMax } = this.#sink;
    const steady = this.#app.clock.steady();
    if (!again || (!this.#again && steady < this.#againAt + again.everyMs)) return false;
    if (!this.#again) this.#againAt = steady;
    const { after, told } = this.#again ?? { after: null, told: 0 };
    const open = await this.#app.store.read.openAlerts(after, batchMax);
    const answer = await this.#tellOpen(again, open);
    const last = open.at(-1);
    const isMore = answer.kind === 'told' && open.length === batchMax && told + open.length < againMax;
    this.#again = isMore && last ? { after: last, told: told + open.length } : null;
    if (answer.kind !== 'told' && !this.#stopping.signal.aborted) {
      this.#rest(answer);
      this.#tellFailure(answer.detail);
    }
    return isMore;
  }

  /** One that will not be taken must not keep the others of its batch from being told: they would be taken for over. */
  async #tellOpen(again: NonNullable<Sink['again']>, open: readonly Alert[]): Promise<SinkAnswer> {
    if (open.length === 0) return { kind: 'told' };
    const answer = await again.tell(open, this.#stopping.signal);
    if (answer.kind !== 'refused' || open.length === 1) return answer;
    for (const each of open) {
      const alone = await again.tell([each], this.#stopping.signal);
      if (alone.kind === 'failed') return alone;
      if (alone.kind === 'refused') this.#tellFailure(`${alone.detail}, told of ${alertKey(each)}`);
    }
    return { kind: 'told' };
  }

  #tellDropped(reason: 'queue_full' | 'refused', count: number): void {
    if (count === 0) return;
    this.#app.decisions.tell({
      action: 'notification.dropped',
      reason,
      message: `${this.#name}: ${count} notifications of alerts were dropped`,
      fields: { 'nolapse.sink': this.#name, 'nolapse.dropped_count': count },
    });
  }

  #tellFailure(detail: string): void {
    this.#app.decisions.tell({
      action: 'sink.failed',
      message: `${this.#name} could not be told of alerts: ${detail}`,
      fields: { 'nolapse.sink': this.#name },
    });
  }
}
