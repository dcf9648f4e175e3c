// Has an alert stand for what is wrong with the machine under the broker, as long as it is. It writes only when something has changed.
import type { AlertName, Condition } from '../../domain/alert.ts';
import { judgeDescriptors, judgeIssued, LogJudgement } from '../../domain/machine.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import type { WithExposure } from './exposure-watch.ts';

export class MachineWatch {
  readonly #app: Changing & Pick<Context, 'machine'> & WithExposure;
  readonly #log = new LogJudgement();
  /** What stands, by kind; absent: not known, since an earlier run may have left something. */
  readonly #standing = new Map<string, Condition | null>();

  constructor(app: Changing & Pick<Context, 'machine'> & WithExposure) {
    this.#app = app;
  }

  /** To be called at each beat: what can change from one moment to the next. */
  async look(): Promise<void> {
    const { machine, clock } = this.#app;
    const log = machine.log();
    const lost = log && this.#log.judge(log, clock.steady());
    await this.#settle({ kind: 'log_unwritable', subject: 'log' }, lost);
    await this.#settle({ kind: 'issued_unwritable', subject: 'issued' }, judgeIssued(machine.issued()));
    const descriptors = machine.descriptors();
    const stands = this.#standing.get('descriptors_short') ?? null;
    const condition = descriptors && judgeDescriptors(descriptors, stands);
    await this.#settle({ kind: 'descriptors_short', subject: 'descriptors' }, condition);
  }

  /** To be called now and then. */
  async lookAtHome(): Promise<void> {
    await this.#app.exposure.look();
  }

  async #settle(name: AlertName, condition: Condition | null): Promise<void> {
    const stands = this.#standing.get(name.kind);
    if (stands !== undefined && stands?.severity === condition?.severity && stands?.detail === condition?.detail)
      return;
    await change(this.#app, ({ alert, clearAlert }) => (condition ? alert(condition) : clearAlert(name)));
    this.#standing.set(name.kind, condition);
  }
}
