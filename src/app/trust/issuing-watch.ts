// Looks after the issuing CAs at each heartbeat: what is due is done where all that it takes is here and nobody has to release it; where
// not, somebody is told what to do and until when.
import type { Severity } from '../../domain/alert.ts';
import {
  type IssuingSlot,
  issuingDates,
  objectToActivation,
  shouldActivate,
  shouldPrepare,
  shouldRetire,
  slotIn,
  wouldOutlive,
} from '../../domain/issuing-slots.ts';
import type { Instant } from '../../domain/time.ts';
import { change } from '../change.ts';
import { type IssuingMeans, issuingMeans } from './issuing-policy.ts';
import { activateIssuing, type IssuingStepsContext, prepareIssuing, retireIssuing } from './issuing-steps.ts';

/** After a failure, how long until the next attempt. */
const retryMs = 30_000;

const alertName = { kind: 'trust_step', subject: 'issuing CA' } as const;

interface Told {
  readonly severity: Severity;
  readonly detail: string;
}

const iso = (instant: Instant): string => new Date(instant).toISOString();

/** What an operator has to do, in one sentence with the command; null: nothing. */
export function dueStep(
  slots: readonly IssuingSlot[],
  means: IssuingMeans,
  approval: 'required' | 'none',
  now: Instant,
): string | null {
  const current = slotIn(slots, 'current');
  const dates = current && issuingDates(current, means);
  if (!current || !dates) return null;
  const [next, byItself] = [slotIn(slots, 'next'), approval === 'none'];
  const until = `needed by ${iso(dates.neededAt)}`;
  if (next && next.certificate === null) {
    if (now < dates.prepareAt) return null;
    return `the certificate of issuing CA ${next.number} is to be signed and installed, ${until}: nolapse trust install FILE`;
  }
  if (next && now >= dates.neededAt) {
    const objection = objectToActivation(slots, now);
    if (objection !== null) return `the next issuing CA cannot take over: ${objection}`;
    if (!shouldActivate(slots, means, now)) {
      return `issuing CA ${next.number} ends no later than the present one: nolapse trust abort issuing`;
    }
    return byItself ? null : `issuing CA ${next.number} is to take over, ${until}: nolapse trust activate issuing`;
  }
  const unused = slots.find((slot) => shouldRetire(slot, means, now));
  if (unused && !byItself) {
    return `no certificate of issuing CA ${unused.number} is in use: nolapse trust retire issuing ${unused.number}`;
  }
  if (next || now < dates.prepareAt) return null;
  if (!wouldOutlive(current, means, now)) {
    return `the root ends ${iso(means.rootNotAfter)}, and no issuing CA below it would end after the present one: a new root is needed`;
  }
  if (!shouldPrepare(slots, means, now)) return null;
  if (!means.hasRootKey) {
    return `the next issuing CA is to be prepared, ${until}: nolapse trust prepare issuing --request FILE`;
  }
  return byItself ? null : `the next issuing CA is to be prepared, ${until}: nolapse trust prepare issuing`;
}

export class IssuingWatch {
  readonly #app: IssuingStepsContext;
  /** As it was told last; undefined: nothing was told yet, nor cleared. */
  #told: string | null | undefined;
  /** On the steady clock. */
  #restingUntil = Number.NEGATIVE_INFINITY;
  #failure: string | null = null;

  constructor(app: IssuingStepsContext) {
    this.#app = app;
  }

  /** Rejects when something that is due could not be done; it is tried again later, and an operator is told. */
  async look(): Promise<void> {
    const { clock } = this.#app;
    if (clock.steady() < this.#restingUntil) return;
    try {
      await this.#do();
      this.#failure = null;
    } catch (error) {
      this.#restingUntil = clock.steady() + retryMs;
      this.#failure = error instanceof Error ? error.message : String(error);
      throw error;
    } finally {
      await this.#tell();
    }
  }

  async #do(): Promise<void> {
    const app = this.#app;
    if (app.settings.trust.approval.issuing === 'required') return;
    const means = issuingMeans(app);
    const now = app.clock.now();
    const slots = await app.store.read.issuingSlots();
    for (const slot of slots) if (shouldRetire(slot, means, now)) await retireIssuing(app, slot.number);
    if (shouldActivate(slots, means, now)) await activateIssuing(app);
    const after = await app.store.read.issuingSlots();
    if (means.hasRootKey && shouldPrepare(after, means, now)) await prepareIssuing(app, false);
  }

  async #tell(): Promise<void> {
    const due = await this.#due();
    const text = due && `${due.severity} ${due.detail}`;
    if (text === this.#told) return;
    await change(this.#app, (within) =>
      due ? within.alert({ ...alertName, ...due, owner: null }) : within.clearAlert(alertName),
    );
    this.#told = text;
  }

  async #due(): Promise<Told | null> {
    const app = this.#app;
    const slots = await app.store.read.issuingSlots();
    const means = issuingMeans(app);
    const now = app.clock.now();
    const current = slotIn(slots, 'current');
    const neededAt = (current && issuingDates(current, means))?.neededAt ?? now;
    const step = dueStep(slots, means, app.settings.trust.approval.issuing, now);
    const detail =
      this.#failure === null ? step : `a step of an issuing CA failed and will be tried again: ${this.#failure}`;
    return detail === null ? null : { severity: now >= neededAt ? 'critical' : 'warning', detail };
  }
}
