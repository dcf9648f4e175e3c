// Has an alert stand for each owner of principals that will not have proved the next root in time, and for no other.
import type { Condition } from '../../domain/alert.ts';
import type { RootPolicy } from '../../domain/root-slots.ts';
import { lateCondition, warning } from '../../domain/trust-late.ts';
import { type Rollover, rolloverOf } from '../../domain/trust-shares.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import type { WithTurns } from '../turns.ts';
import type { ProofsAhead, WithProofs } from './proof-outlook.ts';
import { rootPolicyOf } from './root-policy.ts';

export type UnprovedWatchContext = Changing & Pick<Context, 'settings'> & WithTurns & WithProofs;

const kind = 'trust_unproved';
/** Alerts that are raised or cleared in one change. */
const batchMax = 50;
/** Open alerts that are looked at. */
const openMax = 10_000;

export class UnprovedWatch {
  readonly #app: UnprovedWatchContext;
  /** What alerts stand for; null: for nothing. Undefined: not known, since the broker has just begun. */
  #told: ProofsAhead | null | undefined;

  constructor(app: UnprovedWatchContext) {
    this.#app = app;
  }

  /** @param patienceMs how long a walk over the fleet is waited for: what it finds is told by the next look else. */
  async look(patienceMs = 0): Promise<void> {
    const { store, clock, settings, proofs } = this.#app;
    const rollover = rolloverOf(await store.read.rootSlots());
    const policy = await rootPolicyOf({ store, clock, settings });
    const when = rollover && warning(rollover, policy);
    if (!rollover || !when || clock.now() < when.from) {
      if (this.#told !== null) await this.#settle(new Map());
      this.#told = null;
      return;
    }
    const ahead = await proofs.lately(rollover, when.everyMs, patienceMs);
    if (!ahead || ahead === this.#told) return;
    await this.#settle(this.#conditions(ahead, rollover, policy));
    this.#told = ahead;
  }

  #conditions({ owners }: ProofsAhead, rollover: Rollover, policy: RootPolicy): Map<string, Condition> {
    const now = this.#app.clock.now();
    const all = [...owners].map(([owner, late]) => lateCondition(owner, late, rollover, policy, now));
    return new Map(all.map((condition) => [condition.subject, condition]));
  }

  async #settle(said: ReadonlyMap<string, Condition>): Promise<void> {
    const open = await this.#app.store.read.alerts({ open: true, kind }, openMax);
    const over = open.filter(({ subject }) => !said.has(subject));
    const steps = [
      ...over.map(
        (name) =>
          ({ clearAlert }: Change) =>
            clearAlert(name),
      ),
      ...[...said.values()].map(
        (condition) =>
          ({ alert }: Change) =>
            alert(condition),
      ),
    ];
    for (let at = 0; at < steps.length; at += batchMax) {
      await change(this.#app, async (within) => {
        for (const step of steps.slice(at, at + batchMax)) await step(within);
      });
      await this.#app.turns.take();
    }
  }
}
