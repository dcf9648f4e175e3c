// Tells somebody what is to be done about the roots, with the command that does it.
import { type RootDue, rootDue } from '../../domain/root-due.ts';
import { rootPolicyDefault, shouldPrepare } from '../../domain/root-slots.ts';
import type { Instant } from '../../domain/time.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { type Awaited, readAwaited } from './awaited-root.ts';

export type RootWatchContext = Pick<Context, 'store' | 'clock' | 'settings' | 'roots'>;

export interface DueView {
  readonly severity: RootDue['severity'];
  /** What is to be done, with the command. */
  readonly detail: string;
}

function wordsFor({ step, root, endsAt }: RootDue, awaited: Awaited | null, app: RootWatchContext): string {
  const ends = `root ${root} ends ${new Date(endsAt).toISOString()}`;
  switch (step) {
    case 'set_port':
      return `the next root is to be prepared, ${ends}, and has no port: set mqtt.nextPort and start the broker anew`;
    case 'prepare':
      return `the next root is to be prepared, ${ends}: nolapse trust prepare root${app.roots.hasKey(root) ? '' : ' --request FILE'}`;
    case 'install':
      return `root ${awaited?.number} waits for ${awaited?.made ? 'a signature by the present root' : 'what is made elsewhere'}: nolapse trust install FILE`;
    case 'back_up':
      return 'the next root is in no backup that was read back: nolapse backup FILE, then nolapse backup FILE --verify';
  }
}

/** When the next root is to be prepared (null: there is one), and what is to be done now (null: nothing). */
export async function rootsDue(
  app: RootWatchContext,
): Promise<{ readonly prepareAt: Instant | null; readonly due: DueView | null }> {
  const { read } = app.store;
  const [now, policy] = [app.clock.now(), { ...rootPolicyDefault, prepareAt: app.settings.trust.rootPrepareAt }];
  const slots = await read.rootSlots();
  const awaited = await readAwaited(read);
  const standing = { slots, isAwaited: awaited !== null, hasPort: app.settings.mqttNextPort !== null };
  const due = rootDue(standing, policy, now);
  return {
    prepareAt: awaited ? null : shouldPrepare(slots, policy, 0, now).dueAt,
    due: due && { severity: due.severity, detail: wordsFor(due, awaited, app) },
  };
}

const alertName = { kind: 'trust_step', subject: 'root' } as const;

export class RootWatch {
  readonly #app: RootWatchContext & Changing;
  /** As it was told last; undefined: nothing was told yet, nor cleared. */
  #told: string | null | undefined;

  constructor(app: RootWatchContext & Changing) {
    this.#app = app;
  }

  /** Raises or clears the alert. */
  async look(): Promise<void> {
    const { due } = await rootsDue(this.#app);
    const text = due && `${due.severity} ${due.detail}`;
    if (text === this.#told) return;
    await change(this.#app, (within) =>
      due ? within.alert({ ...alertName, ...due, owner: null }) : within.clearAlert(alertName),
    );
    this.#told = text;
  }
}
