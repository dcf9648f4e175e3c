// Looks after the issuing CAs at each heartbeat: what is due is done where all that it takes is here and nobody has to release it; where
// not, somebody is told what to do and until when.
import type { Severity } from '../../domain/alert.ts';
import {
  type IssuingSlot,
  isLiving,
  issuingDates,
  objectToActivation,
  shouldActivate,
  shouldPrepare,
  shouldRetire,
  slotIn,
  wouldOutlive,
} from '../../domain/issuing-slots.ts';
import { currentRoot } from '../../domain/root-slots.ts';
import type { Instant } from '../../domain/time.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import { change } from '../change.ts';
import { type IssuingMeans, issuingMeans, revokedNumbers } from './issuing-policy.ts';
import { activateIssuing, type IssuingStepsContext, prepareIssuing, retireIssuing } from './issuing-steps.ts';

/** After a failure, how long until the next attempt. */
const retryMs = 30_000;

/** What an alert about the issuing CAs below a root is about. @param current the number of the present root. */
const subjectOf = (root: number, current: number): string =>
  root === current ? 'issuing CA' : `issuing CA below root ${root}`;

interface Told {
  readonly severity: Severity;
  readonly detail: string;
}

const iso = (instant: Instant): string => new Date(instant).toISOString();

export interface Below {
  /** The number of the root that they are below. */
  readonly root: number;
  /** Of the present root. */
  readonly current: number;
  readonly approval: 'required' | 'none';
}

/** What an operator has to do about the issuing CAs below a root, in one sentence with the command; null: nothing. */
export function dueStep(
  slots: readonly IssuingSlot[],
  means: IssuingMeans,
  { root, current: present, approval }: Below,
  now: Instant,
): string | null {
  const below = root === present ? '' : ` below root ${root}`;
  const at = root === present ? '' : ` --root ${root}`;
  const byItself = approval === 'none';
  const unused = slots.find((slot) => slot.root === root && shouldRetire(slot, means, now));
  const retire =
    unused && !byItself
      ? `no certificate of issuing CA ${unused.number} is in use: nolapse trust retire issuing ${unused.number}`
      : null;
  const current = slotIn(slots, 'current', root);
  const dates = current && issuingDates(current, means);
  if (!current || !dates) return retire;
  const next = slotIn(slots, 'next', root);
  const until = `needed by ${iso(dates.neededAt)}`;
  if (next && next.certificate === null) {
    if (now < dates.prepareAt) return null;
    return `the certificate of issuing CA ${next.number}${below} is to be signed and installed, ${until}: nolapse trust install FILE`;
  }
  if (next && now >= dates.neededAt) {
    const objection = objectToActivation(slots, now, root);
    if (objection !== null) return `the next issuing CA${below} cannot take over: ${objection}`;
    if (!shouldActivate(slots, means, now, root)) {
      return `issuing CA ${next.number}${below} ends no later than the present one: nolapse trust abort issuing${at}`;
    }
    return byItself
      ? null
      : `issuing CA ${next.number}${below} is to take over, ${until}: nolapse trust activate issuing${at}`;
  }
  if (retire) return retire;
  if (next || now < dates.prepareAt) return null;
  if (!wouldOutlive(current, means, now)) {
    // The root that is left needs none that ends after it.
    if (root < present) return null;
    return `root ${root} ends ${iso(means.rootNotAfter)}, and no issuing CA below it would end after the present one: a new root is needed`;
  }
  if (!shouldPrepare(slots, means, now, root)) return null;
  if (!means.hasRootKey) {
    return `the next issuing CA${below} is to be prepared, ${until}: nolapse trust prepare issuing${at} --request FILE`;
  }
  return byItself
    ? null
    : `the next issuing CA${below} is to be prepared, ${until}: nolapse trust prepare issuing${at}`;
}

/** How the issuing CAs below one root were told of last. */
interface Watched {
  /** Undefined: nothing was told yet, nor cleared. */
  told: string | null | undefined;
  /** On the steady clock. */
  restingUntil: number;
  failure: string | null;
}

/** The roots below which issuing CAs are looked after: all that are served, or may be. Of others the last ones are retired. */
function isServed({ state, notAfter }: KeptRoot, now: Instant): boolean {
  return isLiving({ state }) && notAfter > now;
}

export class IssuingWatch {
  readonly #app: IssuingStepsContext;
  readonly #watched = new Map<number, Watched>();

  constructor(app: IssuingStepsContext) {
    this.#app = app;
  }

  /** Rejects when something that is due could not be done; it is tried again later, and an operator is told. */
  async look(): Promise<void> {
    const failures: unknown[] = [];
    const roots = await this.#app.store.read.rootSlots();
    for (const root of roots) {
      await this.#lookBelow(root, currentRoot(roots).number).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  async #lookBelow(root: KeptRoot, current: number): Promise<void> {
    const { clock } = this.#app;
    const watched = this.#watched.get(root.number) ?? {
      told: undefined,
      restingUntil: Number.NEGATIVE_INFINITY,
      failure: null,
    };
    this.#watched.set(root.number, watched);
    if (clock.steady() < watched.restingUntil) return;
    try {
      await this.#do(root);
      watched.failure = null;
    } catch (error) {
      watched.restingUntil = clock.steady() + retryMs;
      watched.failure = error instanceof Error ? error.message : String(error);
      throw error;
    } finally {
      await this.#tell(watched, root, current);
    }
  }

  async #do({ number, ...root }: KeptRoot): Promise<void> {
    const app = this.#app;
    if (app.settings.trust.approval.issuing === 'required') return;
    const slots = (await app.store.read.issuingSlots()).filter((slot) => slot.root === number);
    if (slots.length === 0) return;
    const means = issuingMeans(app, number, await revokedNumbers(app));
    const now = app.clock.now();
    for (const slot of slots) if (shouldRetire(slot, means, now)) await retireIssuing(app, slot.number);
    if (!isServed({ number, ...root }, now)) return;
    if (shouldActivate(slots, means, now, number)) await activateIssuing(app, null, number);
    const after = await app.store.read.issuingSlots();
    if (means.hasRootKey && shouldPrepare(after, means, now, number)) await prepareIssuing(app, false, number);
  }

  async #tell(watched: Watched, root: KeptRoot, current: number): Promise<void> {
    const due = await this.#due(root, current, watched.failure);
    const text = due && `${due.severity} ${due.detail}`;
    if (text === watched.told) return;
    const name = { kind: 'trust_step', subject: subjectOf(root.number, current) } as const;
    await change(this.#app, (within) =>
      due ? within.alert({ ...name, ...due, owner: null }) : within.clearAlert(name),
    );
    watched.told = text;
  }

  async #due(root: KeptRoot, present: number, failure: string | null): Promise<Told | null> {
    const app = this.#app;
    const slots = await app.store.read.issuingSlots();
    if (!slots.some((slot) => slot.root === root.number)) return null;
    const means = issuingMeans(app, root.number, await revokedNumbers(app));
    const now = app.clock.now();
    const current = slotIn(slots, 'current', root.number);
    const neededAt = (current && issuingDates(current, means))?.neededAt ?? now;
    const below = { root: root.number, current: present, approval: app.settings.trust.approval.issuing };
    const step = dueStep(slots, means, below, now);
    const detail = failure === null ? step : `a step of an issuing CA failed and will be tried again: ${failure}`;
    return detail === null ? null : { severity: now >= neededAt ? 'critical' : 'warning', detail };
  }
}
