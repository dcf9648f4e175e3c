// Whose sessions end again and again, whatever the cause: remembered in memory, in bounds, and written as alerts now and then. A device
// that comes and is thrown out may never get to its renewal, and each of its connections looks well for itself.
import {
  afterComing,
  afterEnd,
  endCauses,
  isForgotten,
  isRepeated,
  type SessionEnd,
  type Trouble,
} from '../../domain/disconnection.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { type Change, type Changing, change } from '../change.ts';

/** Principals remembered; the one that was quiet for longest is forgotten. */
const rememberedMax = 20_000;
/** Alerts raised in one transaction; the next beat goes on. */
const batchMax = 200;

export class Disconnections {
  readonly #app: Changing;
  readonly #troubles = new Map<PrincipalId, Trouble>();
  readonly #repeated = new Set<PrincipalId>();

  constructor(app: Changing) {
    this.#app = app;
  }

  /** A session of this principal began. */
  came(id: PrincipalId): void {
    const known = this.#troubles.get(id);
    if (known?.pending) this.#keep(id, afterComing(known, this.#app.clock.steady()));
  }

  /** One ended. */
  ended(id: PrincipalId, end: SessionEnd): void {
    const known = this.#troubles.get(id) ?? null;
    const trouble = afterEnd(known, end, this.#app.clock.steady());
    if (trouble !== known) this.#keep(id, trouble);
  }

  /** Raises the alerts of those whose sessions have ended again since. */
  async flush(): Promise<void> {
    if (this.#repeated.size === 0) return;
    const ids = [...this.#repeated].slice(0, batchMax);
    await change(this.#app, async (within) => {
      for (const id of ids) await this.#raise(within, id);
    });
    for (const id of ids) this.#repeated.delete(id);
  }

  async #raise(within: Change, id: PrincipalId): Promise<void> {
    const trouble = this.#troubles.get(id);
    const principal = await within.tx.principal(id);
    if (!trouble || principal?.status !== 'active') return;
    await within.alert({
      kind: 'disconnected_repeatedly',
      subject: id,
      severity: 'warning',
      detail: `it is disconnected again and again, last because ${wordsOf(trouble)}`,
      owner: principal.owner || null,
    });
  }

  #keep(id: PrincipalId, trouble: Trouble | null): void {
    this.#troubles.delete(id);
    if (!trouble || isForgotten(trouble, this.#app.clock.steady())) return;
    this.#troubles.set(id, trouble);
    if (isRepeated(trouble) && trouble.pending === null) this.#repeated.add(id);
    const oldest = this.#troubles.size > rememberedMax ? this.#troubles.keys().next() : null;
    if (oldest && !oldest.done) this.#troubles.delete(oldest.value);
  }
}

function wordsOf({ cause, reason }: Trouble): string {
  return `${endCauses[cause]}${reason === undefined ? '' : `: ${reason}`}`;
}
