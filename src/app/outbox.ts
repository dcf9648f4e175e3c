// Carries out what the ledger owes, at least once: right after each commit that owed something, and again after a failure
// or a restart. What fails is put off, never dropped.
import { type Effect, effectKey, putOffMaxMs } from '../domain/effect.ts';
import { GatewayError } from '../domain/errors.ts';
import type { Instant } from '../domain/time.ts';
import type { WaitingEffect } from '../ports/store.ts';
import type { App } from './context.ts';
import { issue } from './issue.ts';
import { prompt } from './prompt.ts';
import { publishCrl } from './publish-crl.ts';

/** Effects carried out side by side, and settled together: a kill in between costs as many repetitions at most. */
const batchMax = 256;
const retryFirstMs = 1_000;
/** A CRL is signed at most this often, however fast certificates retire. Measured so that setting the clock holds up no CRL. */
const crlPauseMs = 1_000;

interface CarriedOut {
  readonly id: number;
  readonly laterAt: Instant | null;
}

export class Outbox {
  readonly #app: App;
  #running: Promise<void> | null = null;
  #poked = false;
  #closed = false;
  #crlAt = Number.NEGATIVE_INFINITY;

  constructor(app: App) {
    this.#app = app;
    app.store.onOwed(() => this.poke());
  }

  /** Something may be due. Returns at once; the work goes on by itself. */
  poke(): void {
    this.#poked = true;
    if (this.#closed) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (this.#poked && !this.#closed) this.poke();
    });
  }

  /** Resolves when nothing is due any more. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.idle();
  }

  async #run(): Promise<void> {
    try {
      while (this.#poked && !this.#closed) {
        this.#poked = false;
        const due = await this.#app.store.read.dueEffects(this.#app.clock.now(), batchMax);
        if (due.length === 0) continue;
        this.#poked = true;
        const carriedOut = await Promise.all(due.map((waiting) => this.#carryOut(waiting)));
        await this.#app.store.transact(async (tx) => {
          for (const { id, laterAt } of carriedOut) await (laterAt === null ? tx.settle(id) : tx.putOff(id, laterAt));
        });
      }
    } catch (error) {
      // The store itself failed: the next poke or sweep tries again.
      this.#poked = false;
      this.#tell('outbox', error);
    }
  }

  /** @returns when to come back to it; null: it is done. */
  async #carryOut({ id, effect, attempts }: WaitingEffect): Promise<CarriedOut> {
    await this.#app.turns.take();
    try {
      return { id, laterAt: await this.#perform(effect) };
    } catch (error) {
      this.#tell(effectKey(effect), error);
      const pauseMs = Math.min(putOffMaxMs, retryFirstMs * 2 ** Math.min(attempts, 20));
      return { id, laterAt: this.#app.clock.now() + pauseMs };
    }
  }

  /** @returns when to come back, if it is not yet its time. */
  async #perform(effect: Effect): Promise<number | null> {
    const app = this.#app;
    switch (effect.kind) {
      case 'issue':
        await issue(app, effect.renewalId);
        return null;
      case 'prompt':
        await prompt(app, effect.renewalId);
        return null;
      case 'close-certificate':
        app.sessions.closeByCertificate(effect.fingerprint, effect.reason);
        return null;
      case 'close-principal':
        if (effect.only === 'introduced') app.sessions.closeIntroduced(effect.principalId, effect.reason);
        else app.sessions.closeByPrincipal(effect.principalId, effect.reason);
        return null;
      case 'publish-crl':
        return this.#publishCrl();
    }
  }

  async #publishCrl(): Promise<number | null> {
    const { clock } = this.#app;
    const waitMs = this.#crlAt + crlPauseMs - clock.steady();
    if (waitMs > 0) return clock.now() + Math.ceil(waitMs);
    this.#crlAt = clock.steady();
    await publishCrl(this.#app);
    return null;
  }

  #tell(what: string, error: unknown): void {
    this.#app.journal.tell({
      action: 'effect.failed',
      level: 'error',
      message: `${what} failed and will be tried again`,
      fields: {
        'error.message': error instanceof Error ? error.message : String(error),
        ...(error instanceof GatewayError && { 'error.code': error.code }),
      },
    });
  }
}
