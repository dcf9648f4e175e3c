// Has an alert stand for what is wrong with the machine under the gateway, as long as it is. It writes only when something has changed.
import type { Finding } from '../../domain/alert.ts';
import { LogJudgement } from '../../domain/machine.ts';
import { change } from '../change.ts';
import type { App } from '../context.ts';

/** What is looked at here, by the alert that stands for it. */
const names = [{ kind: 'log_unwritable', subject: 'log' }] as const;
type Name = (typeof names)[number];

export class MachineWatch {
  readonly #app: App;
  readonly #log = new LogJudgement();
  /** What stands for each; absent: not known, since an earlier run may have left something. */
  readonly #standing = new Map<Name, string | null>();

  constructor(app: App) {
    this.#app = app;
  }

  /** To be called at each beat. */
  async look(): Promise<void> {
    const { machine, clock } = this.#app;
    await this.#settle(names[0], this.#log.judge(machine.log(), clock.steady()));
  }

  async #settle(name: Name, finding: Finding | null): Promise<void> {
    const stands = finding && `${finding.severity} ${finding.detail}`;
    if (this.#standing.get(name) === stands) return;
    await change(this.#app, ({ alert, clearAlert }) => (finding ? alert(finding) : clearAlert(name)));
    this.#standing.set(name, stands);
  }
}
