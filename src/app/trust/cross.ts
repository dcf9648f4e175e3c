// The cross certificate between the two roots in use: made, or asked for and taken where the older root's key is elsewhere, shown on the
// first port, and dropped before it ends.
import {
  type Cross,
  crossable,
  crossEnd,
  crossLifetimeMs,
  dropCrossAt,
  objectToCross,
  objectToSigner,
} from '../../domain/root-cross.ts';
import { toSeconds } from '../../domain/time.ts';
import { fingerprintOf } from '../../pki/x509.ts';
import type { GivenFile } from '../../ports/issuing-cas.ts';
import type { MadeCross } from '../../ports/root-crosses.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import type { CrossRequestView, CrossView } from '../views/cross.ts';
import { putAskedCross, putCross, readAskedCross, readCross } from './kept-cross.ts';
import type { OneAtATime } from './one-at-a-time.ts';
import { portsFollow, portsMeant } from './ports-meant.ts';
import { conflict, iso } from './root-step.ts';

export type CrossContext = Changing & Pick<Context, 'roots' | 'crosses' | 'served'> & { readonly steps: OneAtATime };

const backdateMs = 86_400_000;

/** What it is to say, if it may be made now. @throws OperationError `conflict` with every reason why not. */
async function requireCross(app: CrossContext, lifetimeMs: number): Promise<Cross> {
  const slots = await app.store.read.rootSlots();
  const pair = crossable(slots);
  if (!pair) throw conflict('there is one root in use: a cross leads from one to the next, nolapse trust prepare root');
  const { root, signer } = pair;
  const now = app.clock.now();
  const cross: Cross = {
    root: root.number,
    signer: signer.number,
    notBefore: toSeconds(Math.max(now - backdateMs, signer.notBefore)) * 1_000,
    notAfter: toSeconds(crossEnd(pair, now + lifetimeMs)) * 1_000,
  };
  const limited = objectToSigner(app.crosses.pathLength(signer.number));
  const faults = [
    limited && `root ${signer.number} ${limited}: no cross is made`,
    objectToCross(cross, slots, await portsMeant(app), now),
  ].filter((fault) => fault !== null);
  if (faults.length > 0) throw new OperationError('conflict', faults);
  return cross;
}

async function recordCross(
  { record }: Change,
  action: 'trust.crossed' | 'trust.cross_dropped',
  { root, signer, der }: MadeCross,
  said: string,
): Promise<void> {
  await record({
    action,
    message: `cross certificate of root ${root} by root ${signer}: ${said}`,
    fields: { 'nolapse.root': root, 'nolapse.ca.hash.sha256': fingerprintOf(der) },
  });
}

/** Takes effect with the change; a port that cannot follow is tried again. */
async function use(app: CrossContext, cross: MadeCross): Promise<CrossView> {
  await change(app, async (within) => {
    await putCross(within.tx, cross);
    await putAskedCross(within.tx, null);
    await recordCross(within, 'trust.crossed', cross, `shown on the first port until ${iso(dropCrossAt(cross))}`);
  });
  await portsFollow(app);
  return crossView(cross);
}

export function crossView({ der, ...cross }: MadeCross): CrossView {
  return { ...cross, droppedAt: dropCrossAt(cross), fingerprint: fingerprintOf(der) };
}

/**
 * Has the older root certify the newer one, and the first port show that. One that is in use is replaced.
 * @returns rejects with `conflict` and every reason where that cannot be.
 */
export function crossRoots(app: CrossContext, lifetimeMs = crossLifetimeMs): Promise<CrossView> {
  return app.steps.run(async () => {
    const cross = await requireCross(app, lifetimeMs);
    if (!app.roots.hasKey(cross.signer)) {
      throw conflict(`the key of root ${cross.signer} is not in the home: nolapse trust cross --request FILE`);
    }
    return use(app, app.crosses.make(cross));
  });
}

/** What is to be signed where the older root's key is. It is asked for from then on. Rejects as {@link crossRoots}. */
export function requestCross(app: CrossContext, lifetimeMs = crossLifetimeMs): Promise<CrossRequestView> {
  return app.steps.run(async () => {
    const cross = await requireCross(app, lifetimeMs);
    if (app.roots.hasKey(cross.signer))
      throw conflict(`the key of root ${cross.signer} is in the home: nolapse trust cross`);
    const asked = app.crosses.request(cross);
    await change(app, async ({ tx, record }) => {
      await putAskedCross(tx, asked);
      const message = `cross certificate of root ${cross.root}: to be signed with the key of root ${cross.signer}`;
      await record({ action: 'trust.awaited', message, fields: { 'nolapse.root': cross.root } });
    });
    return { ...cross, digest: asked.digest, base64: Buffer.from(asked.body).toString('base64') };
  });
}

/** Takes one that was made elsewhere. Rejects with `invalid` and every fault by its file; then nothing has changed. */
export function installCross(app: CrossContext, files: readonly GivenFile[]): Promise<CrossView> {
  return app.steps.run(async () => {
    const slots = await app.store.read.rootSlots();
    const pair = crossable(slots);
    if (!pair) throw conflict('there is one root in use: no cross is taken');
    const between = { root: pair.root.number, signer: pair.signer.number };
    const now = app.clock.now();
    const asked = await readAskedCross(app.store.read);
    const fitting = asked && asked.root === between.root && asked.signer === between.signer ? asked : null;
    const taken = app.crosses.take(files, fitting, between, now);
    if ('faults' in taken) throw new OperationError('invalid', taken.faults);
    const objection = objectToCross(taken, slots, await portsMeant(app), now);
    if (objection !== null) throw conflict(objection);
    return use(app, taken);
  });
}

async function drop(app: CrossContext, cross: MadeCross, why: string): Promise<CrossView> {
  await change(app, async (within) => {
    await putCross(within.tx, null);
    await recordCross(within, 'trust.cross_dropped', cross, `no longer shown: ${why}`);
  });
  await portsFollow(app);
  return crossView(cross);
}

/** Ends it at once. Rejects with `conflict` where there is none. */
export function dropCross(app: CrossContext): Promise<CrossView> {
  return app.steps.run(async () => {
    const cross = await readCross(app.store.read);
    if (!cross) throw conflict('no cross certificate is in use');
    return drop(app, cross, 'an operator has ended it');
  });
}

/** Drops it when its time has come, or one of its roots has gone. The ports do not show it any more by then. */
export function lookAfterCross(app: CrossContext): Promise<void> {
  return app.steps.run(async () => {
    const cross = await readCross(app.store.read);
    if (!cross) return;
    const slots = await app.store.read.rootSlots();
    const objection = objectToCross(cross, slots, await portsMeant(app), app.clock.now());
    if (objection !== null) await drop(app, cross, objection);
  });
}
