// Tells every sink what waits for it, in the order of what happened and at least once: after each commit that had something for it,
// and again after a failure or a restart. One sink that fails holds up no other.
import type { Sink, SinkAnswer } from '../ports/sink.ts';
import type { WaitingNotification } from '../ports/store.ts';
import type { App } from './context.ts';

const retryFirstMs = 1_000;
/** The longest pause after a failure. */
const retryMaxMs = 300_000;

export class Notifier {
  readonly #app: App;
  readonly #queues: readonly Queue[];

  constructor(app: App) {
    this.#app = app;
    this.#queues = [...app.sinks].map(([name, sink]) => new Queue(app, name, sink));
    app.store.onNotify(() => this.poke());
  }

  /** Forgets what waits for sinks that there are no more, and takes up the rest. */
  async begin(): Promise<void> {
    const { store, sinks } = this.#app;
    for (const name of await store.read.notifiedSinks()) {
      if (!sinks.has(name)) await store.transact((tx) => tx.trimNotifications(name, 0));
    }
    this.poke();
  }

  /** Something may be due. Returns at once; the work goes on by itself. */
  poke(): void {
    for (const queue of this.#queues) queue.poke();
  }

  /** Resolves when every sink has been left alone. What was on its way may be told again after a restart. */
  async close(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()));
  }
}

/** What waits for one sink. */
class Queue {
  readonly #app: App;
  readonly #name: string;
  readonly #sink: Sink;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;
  #poked = false;

  constructor(app: App, name: string, sink: Sink) {
    this.#app = app;
    this.#name = name;
    this.#sink = sink;
  }

  poke(): void {
    this.#poked = true;
    if (this.#stopping.signal.aborted) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (this.#poked) this.poke();
    });
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (this.#poked && !this.#stopping.signal.aborted) {
        this.#poked = false;
        await this.#trim();
        if (await this.#tellNext()) this.#poked = true;
        await this.#app.turns.take();
      }
    } catch (error) {
      // The store itself failed: the next poke or sweep tries again.
      this.#poked = false;
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** A sink that cannot be reached keeps the newest. */
  async #trim(): Promise<void> {
    const { store, settings } = this.#app;
    if ((await store.read.waitingNotifications(this.#name)) <= settings.alertQueueMax) return;
    this.#drop('queue_full', await store.transact((tx) => tx.trimNotifications(this.#name, settings.alertQueueMax)));
  }

  /** @returns whether there may be more to tell now. */
  async #tellNext(): Promise<boolean> {
    const waiting = await this.#app.store.read.notifications(this.#name, this.#sink.batchMax);
    const [first] = waiting;
    if (!first || this.#isPutOff(first)) return false;
    const answer = await this.#sink.tell(waiting, this.#stopping.signal);
    if (this.#stopping.signal.aborted && answer.kind !== 'told') return false;
    if (answer.kind === 'told') return this.#settle(waiting);
    if (answer.kind === 'refused' && waiting.length > 1) return this.#tellFirst(first);
    return this.#take(first, answer);
  }

  /** One that will not be taken spoils those it is told with: it is found by telling of it alone. */
  async #tellFirst(first: WaitingNotification): Promise<boolean> {
    const answer = await this.#sink.tell([first], this.#stopping.signal);
    return answer.kind === 'told' ? this.#settle([first]) : this.#take(first, answer);
  }

  /** Put off until a time that has not come; further ahead than any is put off, the clock was set back. */
  #isPutOff({ dueAt }: WaitingNotification): boolean {
    const now = this.#app.clock.now();
    return dueAt > now && dueAt <= now + retryMaxMs;
  }

  async #settle(told: readonly WaitingNotification[]): Promise<boolean> {
    await this.#app.store.transact(async (tx) => {
      for (const { id } of told) await tx.dropNotification(id);
    });
    return true;
  }

  async #take(first: WaitingNotification, answer: SinkAnswer & { readonly detail: string }): Promise<boolean> {
    this.#fail(answer.detail);
    if (answer.kind === 'refused') {
      this.#drop('refused', 1);
      return this.#settle([first]);
    }
    const pauseMs = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(first.attempts, 20));
    await this.#app.store.transact((tx) => tx.putOffNotification(first.id, this.#app.clock.now() + pauseMs));
    return false;
  }

  #drop(reason: 'queue_full' | 'refused', count: number): void {
    if (count === 0) return;
    this.#app.journal.tell({
      action: 'notification.dropped',
      reason,
      message: `${this.#name}: ${count} notifications of alerts were dropped`,
      fields: { 'nolapse.sink': this.#name, 'nolapse.dropped_count': count },
    });
  }

  #fail(detail: string): void {
    this.#app.journal.tell({
      action: 'sink.failed',
      message: `${this.#name} could not be told of alerts: ${detail}`,
      fields: { 'nolapse.sink': this.#name },
    });
  }
}
