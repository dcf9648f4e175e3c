// Client ids that two connections take from each other: remembered in memory, in bounds, and written as alerts now and then.
import { afterTakeover, type Contest, isContested, levelAt, type Takeover, tenureMs } from '../../domain/contest.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Session } from '../session.ts';

/** Client ids remembered; the one that was quiet for longest is forgotten. */
const rememberedMax = 20_000;
/** Alerts raised in one transaction; the next beat goes on. */
const batchMax = 200;

export class Contests {
  readonly #app: Changing;
  /** By lane and client id, each of which is one principal's. */
  readonly #contests = new Map<string, Contest>();
  /** The last takeover of those to be told of. */
  readonly #untold = new Map<PrincipalId, Takeover>();

  constructor(app: Changing) {
    this.#app = app;
  }

  /** See {@link tenureMs}. */
  tenureMs(session: Session, takeover: Takeover): number {
    return tenureMs(this.#contests.get(keyOf(session)) ?? null, takeover, this.#app.clock.steady());
  }

  /** One connection took its client id from another. */
  tookOver(session: Session, takeover: Takeover): void {
    const key = keyOf(session);
    const now = this.#app.clock.steady();
    const known = this.#contests.get(key) ?? null;
    const contest = afterTakeover(known, takeover, now);
    if (contest === known || contest === null) return;
    this.#contests.delete(key);
    this.#contests.set(key, contest);
    if (isContested(contest, now)) this.#untold.set(session.principal.id, takeover);
    this.#forget(now);
  }

  /** Raises the alerts of those that were contested since. */
  async flush(): Promise<void> {
    if (this.#untold.size === 0) return;
    const due = [...this.#untold].slice(0, batchMax);
    await change(this.#app, async (within) => {
      for (const [id, takeover] of due) await raise(within, id, takeover);
    });
    for (const [id, takeover] of due) if (this.#untold.get(id) === takeover) this.#untold.delete(id);
  }

  /** What time has taken away, the oldest first, and the oldest of what is too much. */
  #forget(now: number): void {
    for (const [key, contest] of this.#contests) {
      if (this.#contests.size <= rememberedMax && levelAt(contest, now) > 0) return;
      this.#contests.delete(key);
    }
  }
}

const keyOf = ({ lane, clientId }: Session): string => `${lane} ${clientId}`;

async function raise(within: Change, id: PrincipalId, { from, over }: Takeover): Promise<void> {
  const principal = await within.tx.principal(id);
  if (principal?.status !== 'active') return;
  // In one order, whoever came last: else it would read otherwise each time.
  const [first = '', second = ''] = [from, over].sort();
  const where = first === second ? `both from ${first}` : `from ${first} and from ${second}`;
  await within.alert({
    kind: 'credential_contested',
    subject: id,
    severity: 'critical',
    detail: `two connections take its client id from each other again and again, ${where}`,
    owner: principal.owner || null,
  });
}
