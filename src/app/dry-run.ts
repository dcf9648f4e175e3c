// Runs changes as they would be run, notes what they would record, and takes all of it back: nothing is written, told or owed.
import { type Change, type Changing, change } from './change.ts';
import type { DryRunView } from './views/decisions.ts';

/** Steps that are named. */
const stepsNamed = 20;

/** Carries a change out, or only seems to. */
interface Carrier {
  run<Given extends Changing, T>(app: Given, work: (within: Change<Given>) => Promise<T>): Promise<T>;
  /** Beside the answer: nothing where the change was carried out. */
  view(): { readonly dryRun?: DryRunView };
}

/** Ends the transaction of a dry run. It is no failure. */
class TakenBack<T> extends Error {
  readonly result: T;
  constructor(result: T) {
    super('a dry run');
    this.result = result;
  }
}

class DryRun implements Carrier {
  readonly #steps: string[] = [];
  #count = 0;

  async run<Given extends Changing, T>(app: Given, work: (within: Change<Given>) => Promise<T>): Promise<T> {
    let noted: string[] = [];
    try {
      await change(app, async (within) => {
        noted = [];
        const record: Change['record'] = async ({ message }) => void noted.push(message);
        throw new TakenBack(await work({ ...within, record }));
      });
    } catch (error) {
      if (!(error instanceof TakenBack)) throw error;
      this.#count += noted.length;
      this.#steps.push(...noted.slice(0, stepsNamed - this.#steps.length));
      return error.result as T;
    }
    throw new Error('a dry run was committed');
  }

  view(): { dryRun: DryRunView } {
    return { dryRun: { steps: this.#steps, more: this.#count - this.#steps.length } };
  }
}

export function carrier({ dryRun = false }: { readonly dryRun?: boolean }): Carrier {
  return dryRun ? new DryRun() : { run: change, view: () => ({}) };
}
