// The steps of a root. What takes a key or a signature is done and on the disk before the change that enters it: killed in between, it is
// as it was, or done.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { IssuingSlot } from '../../domain/issuing-slots.ts';
import { ended } from '../../domain/issuing-slots.ts';
import {
  afterRootStep,
  currentRoot,
  inState,
  rootObjections,
  rootPolicyDefault,
  shouldPrepare,
} from '../../domain/root-slots.ts';
import { dropSequence, nextSequence, withdrawalSequence } from '../../domain/trust-step.ts';
import type { GivenFile, MadeCa } from '../../ports/issuing-cas.ts';
import type { MadeRoot, NextRoot } from '../../ports/root-cas.ts';
import { type KeptRoot, keptRootsMax } from '../../ports/root-slots.ts';
import { change } from '../change.ts';
import { OperationError } from '../operation-error.ts';
import type { Preparation } from './asked-root.ts';
import { type Awaited, putAwaited, readAwaited } from './awaited-root.ts';
import { dropOf, installDrop, keptDrop, lacksDrop, signedDrop } from './drop-step.ts';
import { nextIssuingNumber } from './issuing-numbers.ts';
import { onAborted, portsFollow } from './ports-meant.ts';
import { isKeyLost } from './root-marks.ts';
import { conflict, iso, type RootStepsContext, recordStep } from './root-step.ts';
import { forgetLeft } from './withdraw-root.ts';

/** The highest sequence that a step of this home has. Withdrawals have the highest of all, and are not counted. */
export function lastSequence(roots: readonly KeptRoot[]): number | null {
  const taken = roots.flatMap(({ sequence }) => (sequence === null ? [] : dropSequence(sequence)));
  return taken.length === 0 ? null : Math.max(...taken);
}

/** No step may reach the sequences of the withdrawals, which have to be above all others. */
function requireSequence(sequence: number): void {
  const most = dropSequenceMax();
  if (dropSequence(sequence) > most) {
    throw conflict(
      `the next step would have the sequence ${sequence}: ${most - 1} is the highest that leaves room for withdrawals`,
    );
  }
}

const dropSequenceMax = (): number => withdrawalSequence(keptRootsMax) - 1;

/** The port for the next root. @throws OperationError `conflict` where one may not be prepared now, with every reason. */
async function requireRoom(
  app: RootStepsContext,
  roots: readonly KeptRoot[],
  awaited: Awaited | null,
): Promise<number> {
  const left = await onAborted(app, roots);
  const { objections } = shouldPrepare(roots, rootPolicyDefault, left, app.clock.now());
  const faults: string[] = objections.map((objection) =>
    objection === 'no_free_port' ? `${rootObjections[objection]}: ${left}` : rootObjections[objection],
  );
  if (awaited)
    faults.push(`root ${awaited.number} waits for what is signed elsewhere: install it, or nolapse trust abort root`);
  const port = app.settings.mqttNextPort;
  if (port === null) faults.push('mqtt.nextPort is not set: the next root needs a port of its own');
  if (roots.length >= keptRootsMax) faults.push(`this home has had ${keptRootsMax} roots, and no more are taken`);
  if (faults.length > 0 || port === null) throw new OperationError('conflict', faults);
  return port;
}

/** What a preparation is called by before there is a root: the sequence of its step, and the root that is to sign it. */
export async function namePreparation(
  app: RootStepsContext,
  preparation: Preparation,
): Promise<{ sequence: number; root: Fingerprint }> {
  const roots = await app.store.read.rootSlots();
  await requireRoom(app, roots, await readAwaited(app.store.read));
  await requireSigner(app, currentRoot(roots).number, preparation);
  const next = nextSequence(app.clock.now(), lastSequence(roots));
  if (!next.ok) throw conflict(next.fault);
  requireSequence(next.sequence);
  return { sequence: next.sequence, root: currentRoot(roots).fingerprint };
}

type Placed = NextRoot & { readonly port: number };
type AwaitedCa = { readonly keyFingerprint: Fingerprint; readonly certificate: null };

/** The next root, or what it waits for. */
export type Prepared =
  | { readonly root: KeptRoot; readonly awaited: null }
  | { readonly root: null; readonly awaited: Awaited };

/** @param made null: its number is taken, and its certificate is to come. */
function issuingSlot({ number, issuing }: NextRoot, made: MadeCa | AwaitedCa, now: number): IssuingSlot {
  const isThere = made.certificate !== null;
  return {
    number: issuing,
    root: number,
    // It signs the certificate of the server from the beginning, and principals' once its root is current.
    state: isThere ? 'current' : 'next',
    ...made,
    preparedAt: now,
    activatedAt: isThere ? now : null,
    replacedAt: null,
    endedAt: null,
    lastLeafEnd: 0,
  };
}

/** Enters a root that is there whole, with the step that names it (null: nobody can), and the one in which it drops the older ones. */
async function enter(app: RootStepsContext, next: Placed, made: MadeRoot, step: Uint8Array | null): Promise<Prepared> {
  const { issuing, ...certificate } = made;
  const now = app.clock.now();
  const root: KeptRoot = {
    number: next.number,
    state: 'next',
    ...certificate,
    preparedAt: now,
    distributedAt: null,
    activatedAt: null,
    endedAt: null,
    port: next.port,
    sequence: next.sequence,
    backupAt: null,
  };
  // Of a root whose key is elsewhere, it is asked for.
  const drop = app.roots.hasKey(root.number) ? app.roots.signDrop(dropOf(root)) : null;
  await change(app, async (within) => {
    await within.tx.putIssuingSlot(issuingSlot(next, issuing, now));
    await within.tx.putRootSlot(root, ...(step ? [step] : []));
    if (drop) await within.tx.putTrustStep(keptDrop(root, drop, { madeAt: now, announcedFrom: null }), drop);
    await putAwaited(within.tx, null);
    await recordStep(within, 'trust.prepared', root, `prepared, good until ${iso(root.notAfter)}`);
  });
  await portsFollow(app);
  return { root, awaited: null };
}

/** Has what was made so far wait for what is signed elsewhere. */
async function wait(app: RootStepsContext, awaited: Awaited): Promise<Prepared> {
  const { number, made, keyFingerprint } = awaited;
  const slot = issuingSlot(awaited, { keyFingerprint, certificate: null }, app.clock.now());
  await change(app, async (within) => {
    await within.tx.putIssuingSlot(slot);
    await putAwaited(within.tx, awaited);
    const said = made ? 'the step that names it is to be signed elsewhere' : 'it is to be made elsewhere';
    await recordStep(within, 'trust.awaited', { number, fingerprint: made?.fingerprint ?? null }, said);
  });
  return { root: null, awaited };
}

export interface Preparing {
  readonly preparation: Preparation;
  /** Seals the withdrawal of a root that is made here. */
  readonly passphrase: string;
  readonly sequence: number;
}

/**
 * Prepares the next root: made here, with all that is below it and the step that names it; or as far as that goes here, and the rest is
 * asked for elsewhere. @returns rejects with `conflict` where that cannot be now.
 */
export function prepareRoot(
  app: RootStepsContext,
  { preparation, passphrase, sequence }: Preparing,
): Promise<Prepared> {
  return app.steps.run(async () => {
    const { read } = app.store;
    const roots = await read.rootSlots();
    const port = await requireRoom(app, roots, await readAwaited(read));
    requireSequence(sequence);
    await forgetLeft(app, roots);
    const last = lastSequence(roots);
    if (last !== null && sequence <= last) throw conflict(`a step with the sequence ${last} was made since`);
    const present = currentRoot(roots).number;
    const number = Math.max(...roots.map((root) => root.number)) + 1;
    const next: Placed = { number, issuing: await nextIssuingNumber(read), present, sequence, port };
    if (preparation === 'made_elsewhere') {
      return wait(app, { ...next, keyFingerprint: await app.roots.makeIssuingKey(next), made: null });
    }
    await requireSigner(app, present, preparation);
    const made = await app.roots.make(next, passphrase, app.clock.now());
    if (preparation === 'here') return enter(app, next, made, app.roots.hasKey(present) ? app.roots.sign(next) : null);
    return wait(app, { ...next, keyFingerprint: made.issuing.keyFingerprint, made });
  });
}

/** Where the present root's key is lost, nobody names the next one: it is brought to each device by hand. Rejects with `conflict`. */
async function requireSigner(
  { roots, store }: RootStepsContext,
  present: number,
  preparation: Preparation,
): Promise<void> {
  if (preparation === 'made_elsewhere') return;
  const isLost = !roots.hasKey(present) && (await isKeyLost(store.read, present));
  if (preparation === 'here' ? isLost || roots.hasKey(present) : !isLost) return;
  const why = isLost ? 'lost, and nobody can sign with it' : 'not in the home';
  const how = isLost ? '' : ' --request FILE';
  throw conflict(`the key of root ${present} is ${why}: nolapse trust prepare root${how}`);
}

/**
 * Takes what was made or signed elsewhere for the next root; when the root has come and the present root's key is here, signs the step.
 * @returns rejects with `invalid` and every fault by its file, or with `conflict` where nothing is awaited; then nothing has changed.
 */
export function installRoot(app: RootStepsContext, files: readonly GivenFile[]): Promise<Prepared> {
  return app.steps.run(async () => {
    const awaited = await readAwaited(app.store.read);
    const unsigned = awaited ? null : await lacksDrop(app);
    if (unsigned) return { root: await installDrop(app, unsigned, files), awaited: null };
    if (!awaited) throw conflict('no root is asked for elsewhere: nolapse trust prepare root --request FILE');
    if (awaited.made) {
      const taken = app.roots.takeStep(awaited, files);
      if ('faults' in taken) throw new OperationError('invalid', taken.faults);
      return enter(app, awaited, awaited.made, taken.step);
    }
    const made = await app.roots.takeRoot(awaited, files, app.clock.now());
    if ('faults' in made) throw new OperationError('invalid', made.faults);
    if (app.roots.hasKey(awaited.present)) return enter(app, awaited, made, app.roots.sign(awaited));
    if (await isKeyLost(app.store.read, awaited.present)) return enter(app, awaited, made, null);
    return wait(app, { ...awaited, made });
  });
}

/**
 * Gives up the next root, or what is awaited of it, before anybody was told of it: all that was made for it goes.
 * @returns the number; rejects with `conflict` where there is none, or devices were told of it: then it has to withdraw itself.
 */
export function abortRoot(app: RootStepsContext): Promise<number> {
  return app.steps.run(async () => {
    const { read } = app.store;
    const awaited = await readAwaited(read);
    const roots = await read.rootSlots();
    const next = inState(roots, 'next');
    const number = next?.number ?? awaited?.number;
    if (number === undefined) throw conflict(rootObjections.no_next);
    if (next && next.distributedAt !== null) {
      throw conflict(
        `root ${number} was distributed, and devices hold it: nolapse trust abort root --withdrawal FILE --open-with FILE`,
      );
    }
    const now = app.clock.now();
    const drop = next && (await signedDrop(read, next));
    const below = (await read.issuingSlots()).filter(({ root }) => root === number);
    await change(app, async (within) => {
      for (const slot of below) await within.tx.putIssuingSlot(ended(slot, 'aborted', now));
      const after = next && afterRootStep(roots, 'abort', now).find((root) => root.number === number);
      if (after) await within.tx.putRootSlot({ ...after, endedAt: now });
      // Nobody will ever be told of it.
      if (after && drop) {
        const kept = keptDrop(after, drop, { madeAt: after.preparedAt, announcedFrom: null });
        await within.tx.putTrustStep({ ...kept, keptUntil: now }, drop);
      }
      await putAwaited(within.tx, null);
      await recordStep(within, 'trust.aborted', { number, fingerprint: next?.fingerprint ?? null }, 'aborted');
    });
    await portsFollow(app);
    for (const slot of below) app.issuing.forget(slot.number);
    app.roots.forget(number);
    return number;
  });
}
