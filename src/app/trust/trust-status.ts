// How the CAs of a home stand, what comes next and when.
import { type IssuingSlot, issuingDates, slotIn, unusedFrom } from '../../domain/issuing-slots.ts';
import { alertTimes } from '../../domain/own-deadlines.ts';
import { currentRoot } from '../../domain/root-slots.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import type { Context } from '../context.ts';
import type { TrustView } from '../views/trust.ts';
import { askedView } from './approve-issuing.ts';
import { readAsked } from './asked-step.ts';
import { rootsDistrusted } from './exposed-list.ts';
import { type IssuingPolicyContext, issuingMeans, revokedNumbers } from './issuing-policy.ts';
import { dueStep } from './issuing-watch.ts';
import { lostKeys } from './lost-key.ts';
import { judgedDeadlines, type OwnContext } from './own-deadlines.ts';
import { type RootsStatusContext, rootsView } from './roots-status.ts';
import { type SharesContext, sharesView } from './shares.ts';

const endedShown = 20;

async function deadlinesView(app: OwnContext): Promise<TrustView['deadlines']> {
  const judged = await judgedDeadlines(app, app.served.first.certificate);
  return judged
    .map(({ subject, endsAt, level, detail, isQuiet = false, ...rest }) => {
      const warnAt = isQuiet ? null : alertTimes({ subject, endsAt, ...rest }).warnAt;
      return { subject, endsAt, warnAt, level, detail };
    })
    .toSorted((a, b) => a.endsAt - b.endsAt);
}

/** What is to be done first about issuing CAs: below the present root, then below others. */
function dueBelow(
  app: IssuingPolicyContext & Pick<Context, 'clock'>,
  slots: readonly IssuingSlot[],
  roots: readonly KeptRoot[],
  revoked: readonly number[],
): string | null {
  const current = currentRoot(roots);
  const others = roots.filter(({ number }) => number !== current.number && slots.some(({ root }) => root === number));
  const approval = app.settings.trust.approval.issuing;
  for (const { number: root } of [current, ...others]) {
    const below = { root, current: current.number, approval };
    const due = dueStep(slots, issuingMeans(app, root, revoked), below, app.clock.now());
    if (due !== null) return due;
  }
  return null;
}

export async function trustStatus(
  app: OwnContext & IssuingPolicyContext & RootsStatusContext & SharesContext & Pick<Context, 'clock'>,
): Promise<TrustView> {
  const { read } = app.store;
  const roots = await read.rootSlots();
  const { number: present } = currentRoot(roots);
  const revoked = await revokedNumbers(app);
  const means = issuingMeans(app, present, revoked);
  const slots = await read.issuingSlots();
  const current = slotIn(slots, 'current', present);
  const dates = current && issuingDates(current, means);
  const asked = await readAsked(read);
  const approval = app.settings.trust.approval.issuing;
  return {
    issuing: {
      slots: slots.map((slot) => ({ ...slot, unusedFrom: slot.state === 'former' ? unusedFrom(slot, means) : null })),
      ended: await read.endedIssuingSlots(endedShown),
      approval,
      prepareAt: dates?.prepareAt ?? null,
      neededAt: dates?.neededAt ?? null,
      asked: asked && askedView(asked),
      due: dueBelow(app, slots, roots, revoked),
    },
    root: { notAfter: means.rootNotAfter, hasKey: means.hasRootKey },
    roots: await rootsView(app),
    deadlines: await deadlinesView(app),
    shares: await sharesView(app),
    lost: await lostKeys(app),
    distrusted: await rootsDistrusted(app),
  };
}
