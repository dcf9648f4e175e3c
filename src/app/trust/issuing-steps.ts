// The steps of an issuing CA: prepared, installed, activated, aborted, retired. What takes a key or a signature is done and on the disk
// before the change that enters it, and what is over is taken away after the change that says so: killed in between, it is as it was or done.
import type { Fingerprint } from '../../domain/certificate.ts';
import {
  activated,
  ended,
  type IssuingSlot,
  inService,
  isLiving,
  livingSlotsMax,
  objectToActivation,
  slotIn,
  unusedFrom,
} from '../../domain/issuing-slots.ts';
import { completeListOf, type RevocationList } from '../../domain/revocation-list.ts';
import { currentRoot } from '../../domain/root-slots.ts';
import { pemToDer } from '../../pki/pem.ts';
import { fingerprintOf } from '../../pki/x509.ts';
import type { GivenFile } from '../../ports/issuing-cas.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { pagesOf } from '../pages.ts';
import { voidAsked } from './asked-step.ts';
import { nextIssuingNumber } from './issuing-numbers.ts';
import { type IssuingPolicyContext, issuingMeans } from './issuing-policy.ts';
import type { OneAtATime } from './one-at-a-time.ts';

export type IssuingStepsContext = Changing &
  IssuingPolicyContext &
  Pick<Context, 'authority' | 'shelf' | 'served'> & {
    readonly steps: OneAtATime;
    readonly crls: { poke(): void };
  };

export const conflict = (fault: string): OperationError => new OperationError('conflict', [fault]);
const iso = (instant: number): string => new Date(instant).toISOString();

async function recordStep({ record, tx }: Change, action: string, { number, certificate }: IssuingSlot): Promise<void> {
  await voidAsked(tx);
  const until = certificate
    ? `, good until ${iso(certificate.notAfter)}`
    : ', its certificate is to be signed elsewhere';
  await record({
    action,
    message: `issuing CA ${number}: ${action.slice('trust.'.length)}${until}`,
    fields: { 'nolapse.issuer': number, ...(certificate && { 'nolapse.ca.hash.sha256': certificate.fingerprint }) },
  });
}

/** The slots, and the root that a step is about: where none is named, the present one. */
async function standing({ store: { read }, clock }: Pick<Context, 'store' | 'clock'>, root: number | null) {
  const roots = await read.rootSlots();
  const current = currentRoot(roots).number;
  const number = root ?? current;
  const above = roots.find((each) => each.number === number);
  if (!above || !isLiving(above) || (number !== current && above.notAfter <= clock.now()))
    throw conflict(`no root ${number} is in use: nolapse trust status`);
  return { slots: await read.issuingSlots(), roots, root: number, at: number === current ? '' : ` --root ${number}` };
}

/**
 * Prepares the next issuing CA: the root certifies its key, where the root's key is in the home; or its key alone is made, and its
 * certificate is asked for elsewhere. Asked for elsewhere once more, the one that waits is given again.
 * @param below the number of the root; null: the present one.
 * @returns rejects with `conflict` where one is prepared already, or the root's key is not here.
 */
export function prepareIssuing(
  app: IssuingStepsContext,
  elsewhere: boolean,
  below: number | null = null,
): Promise<IssuingSlot> {
  return app.steps.run(async () => {
    const { slots, root, at } = await standing(app, below);
    const next = slotIn(slots, 'next', root);
    if (next && elsewhere && next.certificate === null) return next;
    if (next) {
      throw conflict(`issuing CA ${next.number} is prepared already: activate it, or nolapse trust abort issuing${at}`);
    }
    if (slots.filter(isLiving).length >= livingSlotsMax) {
      throw conflict(`there are ${livingSlotsMax} issuing CAs in use, and no more are taken`);
    }
    if (!elsewhere && !issuingMeans(app, root).hasRootKey) {
      throw conflict(`the key of root ${root} is not in the home: nolapse trust prepare issuing${at} --request FILE`);
    }
    const place = { number: await nextIssuingNumber(app.store.read), root };
    const now = app.clock.now();
    const made = elsewhere
      ? { ...(await app.issuing.makeKey(place)), certificate: null }
      : await app.issuing.make(place, now);
    const slot: IssuingSlot = {
      ...place,
      ...made,
      state: 'next',
      preparedAt: now,
      activatedAt: null,
      replacedAt: null,
      endedAt: null,
      lastLeafEnd: 0,
    };
    await change(app, async (within) => {
      await within.tx.putIssuingSlot(slot);
      await recordStep(within, 'trust.prepared', slot);
    });
    return slot;
  });
}

/**
 * Takes the certificate of the issuing CA that was asked for elsewhere. Twice is once.
 * @returns rejects with `invalid` and every fault by its file, or with `conflict` where none is asked for; then nothing has changed.
 */
export function installIssuing(app: IssuingStepsContext, files: readonly GivenFile[]): Promise<IssuingSlot> {
  return app.steps.run(async () => {
    const { slots, roots, root: current } = await standing(app, null);
    const isServed = ({ root }: IssuingSlot): boolean => roots.some((each) => each.number === root && isLiving(each));
    const prepared = slots.filter((slot) => slot.state === 'next' && isServed(slot));
    const installed = prepared.find(({ certificate }) => certificate && holds(files, certificate.fingerprint));
    if (installed) return installed;
    const awaited = prepared.filter(({ certificate }) => certificate === null);
    const [done] = prepared;
    if (done && awaited.length === 0) {
      const at = done.root === current ? '' : ` --root ${done.root}`;
      throw conflict(
        `the certificate of issuing CA ${done.number} is installed already: nolapse trust abort issuing${at}`,
      );
    }
    const slot = await takenBy(app, awaited, slots, files);
    await change(app, async (within) => {
      await within.tx.putIssuingSlot(slot);
      await recordStep(within, 'trust.installed', slot);
    });
    return slot;
  });
}

/** The first of those that wait for a certificate which these files have it for. Rejects with `conflict` or `invalid` as {@link installIssuing}. */
async function takenBy(
  app: IssuingStepsContext,
  awaited: readonly IssuingSlot[],
  slots: readonly IssuingSlot[],
  files: readonly GivenFile[],
): Promise<IssuingSlot> {
  let faults: readonly string[] | null = null;
  for (const next of awaited) {
    const others = slots.filter(({ number }) => number !== next.number);
    const taken = await app.issuing.take(next, files, others, app.clock.now());
    if (!('faults' in taken)) return { ...next, certificate: taken };
    faults ??= taken.faults;
  }
  if (faults) throw new OperationError('invalid', faults);
  throw conflict('no certificate was asked for: nolapse trust prepare issuing --request FILE');
}

/**
 * Has the next issuing CA sign from now on: new certificates, and the server's at once. @param asked only this one, by what was released.
 * @param below the number of the root; null: the present one.
 * @returns rejects with `conflict` where it may not sign now, or cannot be opened.
 */
export function activateIssuing(
  app: IssuingStepsContext,
  asked: Fingerprint | null = null,
  below: number | null = null,
): Promise<IssuingSlot> {
  return app.steps.run(async () => {
    const { slots, roots, root } = await standing(app, below);
    const next = slotIn(slots, 'next', root);
    const now = app.clock.now();
    const objection = objectToActivation(slots, now, root);
    if (objection !== null || !next) throw conflict(objection ?? 'no issuing CA is prepared');
    if (asked !== null && next.certificate?.fingerprint !== asked)
      throw conflict('another issuing CA is prepared by now');
    const changed = activated(slots, now, root);
    const used = inService(merged(slots, changed), roots);
    // Below a root that is not current yet it signs nothing but the server's certificate.
    const isUsed = used.some(({ number }) => number === next.number);
    app.issuing.check(isUsed ? used : [{ ...next, state: 'current' }]);
    await change(app, async (within) => {
      for (const slot of changed) await within.tx.putIssuingSlot(slot);
      const shard = completeListOf(next.number);
      if (isUsed && !(await within.tx.revocationList(shard))) {
        await within.tx.openRevocationList({ shard, issuer: next.number, url: null });
      }
      await recordStep(within, 'trust.activated', next);
    });
    await takeEffect(app);
    return { ...next, state: 'current', activatedAt: now };
  });
}

/** Gives up the next issuing CA. Rejects with `conflict` where there is none. @param below the number of the root; null: the present one. */
export function abortIssuing(app: IssuingStepsContext, below: number | null = null): Promise<IssuingSlot> {
  return app.steps.run(async () => {
    const { slots, root } = await standing(app, below);
    const next = slotIn(slots, 'next', root);
    if (!next) throw conflict('no issuing CA is prepared');
    const slot = ended(next, 'aborted', app.clock.now());
    await change(app, async (within) => {
      await within.tx.putIssuingSlot(slot);
      await recordStep(within, 'trust.aborted', slot);
    });
    app.issuing.forget(slot.number);
    return slot;
  });
}

/**
 * Retires a former issuing CA: its key, its certificate and its revocation lists go.
 * @returns rejects with `conflict` where it is not a former one, or a certificate of it may still be in use.
 */
export function retireIssuing(app: IssuingStepsContext, number: number): Promise<IssuingSlot> {
  return app.steps.run(async () => {
    const former = (await app.store.read.issuingSlots()).find((slot) => slot.number === number);
    if (former?.state !== 'former') throw conflict(`issuing CA ${number} is not a former one`);
    const now = app.clock.now();
    const until = unusedFrom(former, issuingMeans(app, former.root));
    if (now <= until) throw conflict(`certificates of issuing CA ${number} may be in use until ${iso(until)}`);
    const slot = ended(former, 'retired', now);
    const lists = await listsOf(app, number);
    await change(app, async (within) => {
      for (const { shard } of lists) await within.tx.dropRevocationList(shard);
      await within.tx.putIssuingSlot(slot);
      await recordStep(within, 'trust.retired', slot);
    });
    await takeEffect(app);
    for (const { shard } of lists) await app.shelf.forget(shard, []);
    app.issuing.forget(number);
    return slot;
  });
}

/** Is this certificate among them? */
function holds(files: readonly GivenFile[], fingerprint: Fingerprint): boolean {
  return files.some(({ bytes }) => {
    const ders = pemToDer(Buffer.from(bytes).toString('latin1'), 'CERTIFICATE') ?? [bytes];
    return ders.some((der) => fingerprintOf(der) === fingerprint);
  });
}

/** What a step that was cut off has left behind: keys of issuing CAs that are over. */
export async function forgetEnded(app: Pick<Context, 'store' | 'issuing'>): Promise<void> {
  for (const { number } of await app.store.read.endedIssuingSlots(endedLookedAt)) app.issuing.forget(number);
}

const endedLookedAt = 20;
const listsLookedAt = 1_000;

async function listsOf({ store }: Pick<Context, 'store'>, issuer: number): Promise<RevocationList[]> {
  const found: RevocationList[] = [];
  const read = (last: RevocationList | null) =>
    store.read.revocationLists(last?.shard ?? -Number.MAX_SAFE_INTEGER, listsLookedAt);
  for await (const page of pagesOf(listsLookedAt, read)) found.push(...page.filter((list) => list.issuer === issuer));
  return found;
}

function merged(slots: readonly IssuingSlot[], changed: readonly IssuingSlot[]): IssuingSlot[] {
  return slots.map((slot) => changed.find(({ number }) => number === slot.number) ?? slot);
}

/** What the ledger says by now holds from here on: who signs, what is hinted at, which certificate is served. */
async function takeEffect(app: IssuingStepsContext): Promise<void> {
  await app.served.follow();
  app.crls.poke();
}
