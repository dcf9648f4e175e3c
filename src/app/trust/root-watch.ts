// Tells somebody what is to be done about the roots, with the command that does it.
import { type RootDue, rootDue } from '../../domain/root-due.ts';
import { inState, shouldPrepare } from '../../domain/root-slots.ts';
import type { Instant } from '../../domain/time.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { unprovedCount } from './accepted-rest.ts';
import { type Awaited, readAwaited } from './awaited-root.ts';
import { lacksDrop } from './drop-step.ts';
import { rootsDistrusted } from './exposed-list.ts';
import { onAborted } from './ports-meant.ts';
import { isKeyLost } from './root-marks.ts';
import { rootPolicyOf } from './root-policy.ts';
import { rootToProve } from './unproved-list.ts';

export type RootWatchContext = Pick<Context, 'store' | 'clock' | 'settings' | 'roots'>;

export interface DueView {
  readonly severity: RootDue['severity'];
  /** What is to be done, with the command. */
  readonly detail: string;
}

interface Known {
  readonly awaited: Awaited | null;
  /** The root that everybody has to prove now, if there is one, and how many did not. */
  readonly toProve: number;
  readonly unproved: number;
  /** Can nobody sign with the present root's key any more? */
  readonly isLost: boolean;
  /** Why it is urgent, as the beginning of a sentence. */
  readonly why: string;
}

function wordsFor(
  { step, root, endsAt }: RootDue,
  { awaited, toProve, unproved, isLost, why }: Known,
  app: RootWatchContext,
): string {
  const ends = `${why}root ${root} ends ${new Date(endsAt).toISOString()}`;
  const rest =
    unproved > 0 ? `not connected under root ${toProve} yet: ${unproved}, listed by nolapse trust unproved root; ` : '';
  switch (step) {
    case 'set_port':
      return `the next root is to be prepared, ${ends}, and has no port: set mqtt.nextPort and start the broker anew`;
    case 'prepare':
      return `the next root is to be prepared, ${ends}: nolapse trust prepare root${isLost || app.roots.hasKey(root) ? '' : ' --request FILE'}`;
    case 'install':
      return `root ${awaited?.number} waits for ${awaited?.made ? 'a signature by the present root' : 'what is made elsewhere'}: nolapse trust install FILE`;
    case 'sign_drop':
      return `root ${toProve} has not signed the step in which it drops the older ones: nolapse trust prepare root --request FILE, then nolapse trust install FILE`;
    case 'back_up':
      return 'the next root is in no backup that was read back: nolapse backup FILE, then nolapse backup FILE --verify';
    case 'distribute':
      return `root ${toProve} is to be announced to devices, ${ends}: nolapse trust distribute root`;
    case 'activate':
      return `root ${toProve} is to become current, ${ends}: ${rest}nolapse trust activate root`;
    case 'retire':
      return `root ${root} is to be retired, it ends ${new Date(endsAt).toISOString()}: ${rest}nolapse trust retire root`;
  }
}

/** When the next root is to be prepared (null: there is one), and what is to be done now (null: nothing). */
export async function rootsDue(
  app: RootWatchContext,
): Promise<{ readonly prepareAt: Instant | null; readonly due: DueView | null }> {
  const { read } = app.store;
  const [now, policy] = [app.clock.now(), await rootPolicyOf(app)];
  const slots = await read.rootSlots();
  const awaited = await readAwaited(read);
  const left = await onAborted(app, slots);
  const standing = {
    slots,
    isAwaited: awaited !== null,
    isDropMissing: (await lacksDrop(app)) !== null,
    hasPort: app.settings.mqttNextPort !== null,
    onAborted: left,
  };
  const due = rootDue(standing, policy, now);
  const toProve = rootToProve(slots)?.number ?? 0;
  const current = inState(slots, 'current')?.number ?? 0;
  const isLost = !app.roots.hasKey(current) && (await isKeyLost(read, current));
  const distrusted = (await rootsDistrusted(app)).filter(({ isInUse }) => isInUse).map(({ root }) => root);
  const why = distrusted.length > 0 ? `root ${distrusted.join(', ')} is not to be trusted, ` : '';
  const unproved = due && toProve > 0 ? await unprovedCount(app.store, toProve) : 0;
  return {
    prepareAt: awaited ? null : shouldPrepare(slots, policy, left, now).dueAt,
    due: due && { severity: due.severity, detail: wordsFor(due, { awaited, toProve, unproved, isLost, why }, app) },
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
