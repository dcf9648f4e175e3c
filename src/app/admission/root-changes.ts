// Who goes back and forth between the ports of two roots, remembered in memory and in bounds, and written once where it goes on. What is
// lost with the process costs some more lines, and never leaves a proof that is not one.
import { principalActor } from '../../domain/actor.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { afterCame, afterWhile, type RootChanges as Known, type Settling } from '../../domain/root-changes.ts';
import { actingAs } from '../acting.ts';
import { type Changing, change } from '../change.ts';
import { keepConnect } from '../trust-records.ts';

/** Principals remembered; the one that changed longest ago is forgotten, and the proof that it has open stays open. */
const rememberedMax = 10_000;
/** The pace of looking who has settled. */
const lookMs = 30_000;
/** Principals written in one look. */
const batchMax = 200;

export class RootChanges {
  readonly #app: Changing;
  /** In the order of their last change. */
  readonly #known = new Map<PrincipalId, Known>();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(app: Changing) {
    this.#app = app;
  }

  /** A CONNECT came under a root. @param last the root that is kept. @returns is it to be kept, where it is news? */
  came(id: PrincipalId, last: number, root: number): boolean {
    const known = this.#known.get(id) ?? null;
    if (known === null && root >= last) return true;
    const { changes, isKept } = afterCame(known, last, root, this.#app.clock.steady());
    if (changes !== known) this.#remember(id, changes);
    return isKept;
  }

  #remember(id: PrincipalId, changes: Known | null): void {
    this.#known.delete(id);
    if (changes === null) return;
    this.#known.set(id, changes);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > rememberedMax) this.#known.delete(oldest);
  }

  /** Writes who has settled, and who goes on for long, at its own pace. */
  async flush(): Promise<void> {
    const now = this.#app.clock.steady();
    if (this.#known.size === 0 || now < this.#lookedAt + lookMs) return;
    this.#lookedAt = now;
    let written = 0;
    for (const [id, known] of this.#known) {
      const settling = afterWhile(known, now);
      if (settling.changes === known) continue;
      if (written >= batchMax) break;
      await this.#write(id, settling);
      written += 1;
      // It may have come again while that was written.
      if (this.#known.get(id) !== known) continue;
      if (settling.changes === null) this.#known.delete(id);
      else this.#known.set(id, settling.changes);
    }
  }

  async #write(principalId: PrincipalId, { told, settled }: Settling): Promise<void> {
    if (told === 0 && settled === null) return;
    await change(actingAs(this.#app, principalActor(principalId)), async (within) => {
      const principal = await within.tx.principal(principalId);
      if (!principal || principal.status === 'decommissioned') return;
      if (told > 0) {
        const since = settled === null ? 'its proof stays open' : `it keeps to root ${settled} now`;
        await within.record({
          action: 'trust.unsettled',
          message: `${principalId}: changed between the ports of roots ${told} more times: ${since}`,
          principalId,
          fields: { 'nolapse.root.changes': told },
        });
      }
      if (settled !== null) await keepConnect(within, { principalId, root: settled, introduced: false });
    });
  }
}

export interface WithRootChanges {
  readonly rootChanges: RootChanges;
}
