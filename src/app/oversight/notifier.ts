// Tells every sink what waits for it: after each commit that had something for it, and again after a failure or a restart. One sink
// that fails holds up no other.
import type { Context } from '../context.ts';
import { SinkQueue, type SinkQueueContext } from './sink-queue.ts';

type NotifierContext = SinkQueueContext & Pick<Context, 'sinks'>;

export class Notifier {
  readonly #app: Pick<Context, 'store' | 'sinks'>;
  readonly #queues: ReadonlyMap<string, SinkQueue>;

  constructor(app: NotifierContext) {
    this.#app = app;
    this.#queues = new Map([...app.sinks].map(([name, sink]) => [name, new SinkQueue(app, name, sink)]));
    app.store.onNotify((names) => {
      for (const name of names) this.#queues.get(name)?.poke();
    });
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
    for (const queue of this.#queues.values()) queue.poke();
  }

  /** Resolves when every sink has been left alone. What was on its way may be told again after a restart. */
  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }
}
