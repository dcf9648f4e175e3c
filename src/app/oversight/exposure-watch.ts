// Says who else can reach into the home, in one answer for the alert and for `doctor`: whoever asks has the alert stand for what is so.
import type { Condition } from '../../domain/alert.ts';
import { NolapseError } from '../../domain/errors.ts';
import { type Exposure, judgeExposures } from '../../domain/machine.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';

const name = { kind: 'home_exposed', subject: 'home' } as const;

export class ExposureWatch {
  readonly #app: Changing & Pick<Context, 'machine'>;
  /** What this start has set right: somebody may have made use of it. */
  #healed: readonly Exposure[];
  #isTold = false;

  /** @param before who could reach into the home before the start set anything right; none at rest. */
  constructor(app: Changing & Pick<Context, 'machine'>, before: readonly Exposure[]) {
    this.#app = app;
    this.#healed = before.filter(({ healed }) => healed !== undefined);
  }

  async look(): Promise<Condition | null> {
    const { store, machine } = this.#app;
    const known = await store.read.alert(name.kind, name.subject);
    const stands = known?.clearedAt === null ? known : null;
    // Cleared by hand: somebody has seen what is in the home.
    if (this.#isTold && !stands) this.#healed = [];
    const now = machine.exposures();
    const past = this.#healed.filter(({ fault }) => !now.some((each) => each.fault === fault));
    const condition = judgeExposures([...now, ...past.map((each) => ({ ...each, fault: each.healed ?? each.fault }))]);
    this.#isTold = condition !== null;
    if (stands?.severity === condition?.severity && stands?.detail === condition?.detail) return condition;
    try {
      await change(this.#app, ({ alert, clearAlert }) => (condition ? alert(condition) : clearAlert(name)));
    } catch (error) {
      // A ledger that takes no writes still answers.
      if (!(error instanceof NolapseError && error.code === 'store_failed')) throw error;
      this.#isTold = false;
    }
    return condition;
  }
}

export interface WithExposure {
  readonly exposure: ExposureWatch;
}
