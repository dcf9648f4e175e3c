// The alert that the ledger takes no writes, which cannot be kept in it meanwhile: each sink is told at once and past its queue. Once
// the ledger takes writes again the alert is written, raised and cleared, with how long it was so.
import { type Alert, type Condition, observe } from '../../domain/alert.ts';
import { formatDuration } from '../../domain/time.ts';
import type { Sink, SinkAnswer } from '../../ports/sink.ts';
import { clearWithin, raiseWithin } from '../alert.ts';
import type { Changing } from '../change.ts';

/** A sink that could not be told is told again after so long. */
const retryMs = 30_000;

interface Refusal {
  readonly alert: Alert;
  /** When it began, by the steady clock. */
  readonly since: number;
  readonly reason: string;
  /** When each sink was told last, by the steady clock. */
  readonly told: Map<string, number>;
  readonly tried: Map<string, number>;
}

export class LedgerRefusals {
  readonly #app: Changing;
  readonly #stopping = new AbortController();
  #refusal: Refusal | null = null;
  #telling: Promise<void> | null = null;

  constructor(app: Changing) {
    this.#app = app;
    app.store.onRefused((reason) => this.#begin(reason));
  }

  /** To be called at each beat: tells whom it has to be told to again, or that it is over. */
  async look(): Promise<void> {
    if (!this.#refusal || this.#telling) return;
    if (!this.#app.store.isWell) return this.#tell(this.#refusal);
    await this.#settle(this.#refusal);
    this.#refusal = null;
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#telling;
  }

  #begin(reason: string): void {
    if (this.#refusal || this.#stopping.signal.aborted) return;
    const { clock } = this.#app;
    const { alert } = observe(null, findingOf(`it takes no writes: ${reason}`), clock.now());
    this.#refusal = { alert, reason, since: clock.steady(), told: new Map(), tried: new Map() };
    this.#tell(this.#refusal);
  }

  /** Returns at once; none of the sinks waits for another. */
  #tell(refusal: Refusal): void {
    const due = [...this.#app.sinks].filter(([name, sink]) => this.#isDue(refusal, name, sink));
    if (due.length === 0) return;
    const telling = due.map(([name, sink]) => this.#tellOne(refusal, name, sink));
    this.#telling = Promise.all(telling).then(() => {
      this.#telling = null;
    });
  }

  /** Not told yet, and not tried lately; or one that forgets. */
  #isDue({ told, tried }: Refusal, name: string, { again }: Sink): boolean {
    const now = this.#app.clock.steady();
    const toldAt = told.get(name);
    if (toldAt === undefined) return now >= (tried.get(name) ?? Number.NEGATIVE_INFINITY) + retryMs;
    return again !== undefined && now >= toldAt + again.everyMs;
  }

  async #tellOne({ alert, told, tried }: Refusal, name: string, sink: Sink): Promise<void> {
    const now = this.#app.clock.steady();
    tried.set(name, now);
    const { signal } = this.#stopping;
    const raised = { id: 0, sink: name, event: 'raised', alert, dueAt: alert.raisedAt, attempts: 0 } as const;
    const answer = await (told.has(name) && sink.again
      ? sink.again.tell([alert], signal)
      : sink.tell([raised], signal)
    ).catch((error: unknown): SinkAnswer => ({ kind: 'failed', detail: String(error) }));
    if (answer.kind === 'told') {
      told.set(name, now);
      return;
    }
    // Whoever asks to be left alone is tried no sooner than that.
    const restMs = answer.retryAfterMs ?? 0;
    tried.set(name, now + Math.max(0, restMs - retryMs));
    if (told.has(name)) told.set(name, now + Math.max(0, restMs - (sink.again?.everyMs ?? 0)));
    if (!signal.aborted) this.#tellFailure(name, answer.detail);
  }

  /** Who was told that it began is told that it is over; the others are told both. */
  async #settle({ alert, since, reason, told }: Refusal): Promise<void> {
    const { actor, store, clock, sinks } = this.#app;
    const lasted = formatDuration(Math.max(1_000, clock.steady() - since));
    const names = [...sinks.keys()];
    const untold = names.filter((name) => !told.has(name));
    await store.transact(async (tx) => {
      await raiseWithin(
        { tx, now: alert.raisedAt, actor, sinks: untold },
        findingOf(`it took no writes for ${lasted}: ${reason}`),
      );
      await clearWithin({ tx, now: clock.now(), actor, sinks: names }, alert);
    });
  }

  #tellFailure(name: string, detail: string): void {
    this.#app.decisions.tell({
      action: 'sink.failed',
      message: `${name} could not be told that the ledger takes no writes: ${detail}`,
      fields: { 'nolapse.sink': name },
    });
  }
}

function findingOf(detail: string): Condition {
  return { kind: 'ledger_unwritable', subject: 'ledger', severity: 'critical', detail, owner: null };
}
