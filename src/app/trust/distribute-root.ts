// Announces the next root to devices: once a backup has it, and its port is seen from outside to show its chain and no other.
import {
  afterRootStep,
  currentRoot,
  inState,
  type Readiness,
  type RootObjection,
  rootObjections,
  rootPolicyDefault,
  shouldDistribute,
} from '../../domain/root-slots.ts';
import type { KeptStep } from '../../domain/trust-told.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import { change } from '../change.ts';
import { putStep } from '../enrollment/release-step.ts';
import { OperationError } from '../operation-error.ts';
import { dropAtHand, keptDrop } from './drop-step.ts';
import { isKeyLost } from './root-marks.ts';
import { conflict, orConflict, type RootStepsContext, recordStep, slotOf } from './root-step.ts';

/** A next root of which nothing stands in the way of announcing it. */
interface Ready {
  readonly next: KeptRoot;
  readonly present: KeptRoot;
  /** The step in which it drops the older ones. */
  readonly drop: Uint8Array;
}

async function reached(app: RootStepsContext, next: KeptRoot, present: KeptRoot): Promise<string | null> {
  const seen = await app.nextPort.reach({
    next: app.roots.certificate(next.number),
    present: app.roots.certificate(present.number),
  });
  return seen.ok ? null : seen.fault;
}

function faultsOf(objections: readonly RootObjection[], next: KeptRoot, unreached: string | null): string[] {
  return objections.map((objection) => {
    const said = rootObjections[objection];
    if (objection === 'no_backup') return `${said}: nolapse backup FILE, then nolapse backup FILE --verify`;
    if (objection === 'no_drop') {
      return `${said}: nolapse trust prepare root --request FILE, then nolapse trust install FILE`;
    }
    return objection === 'not_reached' ? `${said}: ${unreached ?? `root ${next.number} was not tried`}` : said;
  });
}

/**
 * The next root, if it may be announced now. Its port is opened, if it was not, and reached over the broker's public address.
 * Rejects with `conflict` and everything that stands in the way.
 */
export async function readyToDistribute(app: RootStepsContext): Promise<Ready> {
  const roots = await app.store.read.rootSlots();
  const [next, present] = [inState(roots, 'next'), currentRoot(roots)];
  if (!next) throw conflict(rootObjections.no_next);
  const drop = await dropAtHand(app, next);
  const known = { backupAt: next.backupAt, isDropSigned: drop !== null };
  const objectionsTo = (readiness: Readiness): readonly RootObjection[] =>
    shouldDistribute(roots, rootPolicyDefault, readiness, app.clock.now()).objections;
  await orConflict(() => app.served.follow());
  const unreached = await reached(app, next, present);
  const objections = objectionsTo({ ...known, isReached: unreached === null });
  if (objections.length > 0 || !drop) throw new OperationError('conflict', faultsOf(objections, next, unreached));
  return { next, present, drop };
}

/** The step in which the present root names the next, as it is announced. It is kept as long as the present root lives. */
function successorStep(
  { next, present }: Pick<Ready, 'next' | 'present'>,
  { bytes, port, now }: { readonly bytes: Uint8Array; readonly port: number; readonly now: number },
): KeptStep {
  return {
    sequence: next.sequence ?? 0,
    kind: 'successor',
    signer: present.number,
    named: next.number,
    size: bytes.length,
    port,
    madeAt: next.preparedAt,
    announcedFrom: now,
    keptUntil: present.notAfter,
  };
}

/** Announces the next root from now on. Done again, it changes nothing. Rejects with `conflict` and everything that stands in the way. */
export function distributeRoot(app: RootStepsContext): Promise<KeptRoot> {
  return app.steps.run(async () => {
    const { read } = app.store;
    const { next, present, drop } = await readyToDistribute(app);
    if (next.distributedAt !== null) return next;
    const bytes = await read.rootStep(next.number);
    const port = app.settings.mqttNextPort ?? next.port;
    const isNamed = bytes !== null || !(await isKeyLost(read, present.number));
    if ((isNamed && !bytes) || port === null) {
      throw conflict(`root ${next.number} has no step that names it, or no port`);
    }
    return change(app, async (within) => {
      const { tx, now } = within;
      const after = slotOf(afterRootStep(await tx.rootSlots(), 'distribute', now), next.number);
      await tx.putRootSlot(after);
      await tx.putTrustStep(keptDrop(after, drop, { madeAt: after.preparedAt, announcedFrom: null }), drop);
      if (bytes) await putStep(within, successorStep({ next: after, present }, { bytes, port, now }), bytes);
      const said = bytes
        ? `announced, sequence ${next.sequence}`
        : 'to be brought to each device, since nobody can name it';
      await recordStep(within, 'trust.distributed', after, `${said}, port ${port}`);
      return after;
    });
  });
}
