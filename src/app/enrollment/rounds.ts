// A gateway begins to listen: what is owed to the devices it speaks for is sent, a few at a time, so that a site of thousands holds
// up nobody else. One round a gateway at a time; asked for again meanwhile, it is made once more.
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import { owed, type Renewal } from '../../domain/renewal.ts';
import type { Context } from '../context.ts';
import { afterId, pagesOf } from '../pages.ts';
import type { WithTurns } from '../turns.ts';
import { listenersTo } from './delegations.ts';
import { type PromptContext, promptAnew } from './prompt.ts';
import { tellStep } from './tell-step.ts';

type RoundsContext = PromptContext & WithTurns;

/** Devices of a site read at once. */
const pageMax = 64;
/** Devices prompted side by side: their commits gather into one. */
const togetherMax = 8;

export class Rounds {
  readonly #app: RoundsContext;
  /** By gateway: is another round to follow the one under way? */
  readonly #running = new Map<PrincipalId, { again: boolean }>();
  readonly #ended = new Set<Promise<void>>();
  #stopped = false;

  constructor(app: RoundsContext) {
    this.#app = app;
  }

  /** Begins a round and returns at once. */
  begin(gateway: PrincipalId): void {
    const running = this.#running.get(gateway);
    if (running) running.again = true;
    if (running || this.#stopped) return;
    const round = this.#walk(gateway).finally(() => this.#ended.delete(round));
    this.#ended.add(round);
  }

  /** Resolves when every round has ended, each after the devices it is at. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#ended);
  }

  async #walk(gateway: PrincipalId): Promise<void> {
    const app = this.#app;
    const state = { again: true };
    this.#running.set(gateway, state);
    try {
      while (state.again && !this.#stopped) {
        state.again = false;
        for await (const devices of devicesOf(app, gateway)) {
          if (this.#stopped) return;
          await promptThese(app, gateway, devices);
        }
      }
    } catch (error) {
      app.decisions.tell({
        action: 'effect.failed',
        level: 'error',
        message: `${gateway}: could not send what the devices behind it are owed; the next sweep will`,
        fields: { 'error.message': error instanceof Error ? error.message : String(error) },
      });
    } finally {
      this.#running.delete(gateway);
    }
  }
}

/** The devices a gateway may speak for, in pages. Who is named twice comes twice. */
async function* devicesOf(
  app: Pick<Context, 'store' | 'clock'>,
  gateway: PrincipalId,
): AsyncGenerator<readonly PrincipalId[]> {
  const { read } = app.store;
  for (const delegation of await read.standingDelegations(gateway, app.clock.now())) {
    const { site, devices } = delegation;
    for (let at = 0; at < devices.length; at += pageMax) yield devices.slice(at, at + pageMax);
    if (site === null) continue;
    const next = (last: Principal | null) => read.principals({ site }, { limit: pageMax, ...afterId(last) });
    for await (const page of pagesOf(pageMax, next)) yield page.map(({ id }) => id);
  }
}

async function promptThese(app: RoundsContext, gateway: PrincipalId, devices: readonly PrincipalId[]): Promise<void> {
  const waiting: Renewal[] = [];
  for (const id of devices) {
    await app.turns.take();
    const renewal = await app.store.read.currentRenewal(id);
    const word = renewal && (renewal.state === 'installed' ? 'cert' : owed(renewal));
    if (renewal && word && (await listenersTo(app, id, word)).includes(gateway)) waiting.push(renewal);
  }
  for (let at = 0; at < waiting.length; at += togetherMax) {
    await Promise.all(waiting.slice(at, at + togetherMax).map((renewal) => promptAnew(app, renewal, gateway)));
  }
  for (const id of devices) {
    await app.turns.take();
    await tellStep(app, id, { asked: gateway, reason: 'asked' });
  }
}

export interface WithRounds {
  readonly rounds: Rounds;
}
