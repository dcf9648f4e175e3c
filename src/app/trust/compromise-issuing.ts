// The key of an issuing CA is in wrong hands. Another one signs at once, and the root revokes it. What it has issued stays good: the ledger
// holds each certificate, and a forged one is not in it. Devices are another matter: they believe any broker below their root, so that has
// to be left too.
import type { Fingerprint } from '../../domain/certificate.ts';
import { type IssuingSlot, isReleasedBy, slotIn } from '../../domain/issuing-slots.ts';
import { currentRoot } from '../../domain/root-slots.ts';
import { change } from '../change.ts';
import { OperationError } from '../operation-error.ts';
import type { AskedStepView } from '../views/trust.ts';
import type { CompromisedIssuingView } from '../views/trust-exposure.ts';
import { askIssuing } from './approve-issuing.ts';
import { readAsked, voidAsked } from './asked-step.ts';
import { attempted, beginLeaving, leftOfRollover, nothingBegun } from './hasten-root.ts';
import { abortIssuing, activateIssuing, conflict, type IssuingStepsContext, prepareIssuing } from './issuing-steps.ts';
import { type RootListsContext, refreshRootLists } from './root-lists.ts';
import type { RootStepsContext } from './root-step.ts';

export type CompromiseContext = IssuingStepsContext & RootStepsContext & RootListsContext;

interface InUse extends IssuingSlot {
  readonly certificate: NonNullable<IssuingSlot['certificate']>;
}

async function issuingInUse({ store: { read } }: CompromiseContext, number: number | undefined): Promise<InUse> {
  const roots = await read.rootSlots();
  const slots = await read.issuingSlots();
  const current = slotIn(slots, 'current', currentRoot(roots).number);
  const found = number === undefined ? current : slots.find((slot) => slot.number === number);
  if (!found) throw new OperationError('not_found', [`issuing CA ${number ?? ''} is none of those in use`]);
  const { certificate, root } = found;
  const above = roots.find((each) => each.number === root);
  if (above?.state === 'next') {
    const how = above.distributedAt === null ? '' : ' --withdrawal FILE';
    throw conflict(`it is below root ${root}, which is the next one: nolapse trust abort root${how}`);
  }
  if (found.state === 'next' || !certificate) throw conflict('it signs nothing yet: nolapse trust abort issuing');
  return { ...found, certificate };
}

/** Its root's next list names it. */
async function revoke(app: CompromiseContext, slot: InUse): Promise<void> {
  const { serial, notAfter } = app.rootLists.certificateOf(slot);
  const { number, root, certificate } = slot;
  await change(app, async ({ tx, record, now }) => {
    await voidAsked(tx);
    const known = (await tx.revokedIssuing()).some((each) => each.number === number);
    if (known) return;
    await tx.revokeIssuing({ number, root, serial, notAfter, revokedAt: now, reason: 'keyCompromise' });
    await record({
      action: 'trust.compromised',
      message: `issuing CA ${number}: its key is in wrong hands`,
      fields: { 'nolapse.issuer': number, 'nolapse.root': root, 'nolapse.ca.hash.sha256': certificate.fingerprint },
    });
  });
}

/** Has another one sign, if this one does. */
async function replace(
  app: CompromiseContext,
  { number, root, state }: InUse,
  fresh: boolean,
  left: string[],
): Promise<IssuingSlot | null> {
  if (state !== 'current') return null;
  const prepared = slotIn(await app.store.read.issuingSlots(), 'next', root);
  if (prepared && fresh) await abortIssuing(app, root);
  const isKept = prepared !== null && !fresh;
  const hasKey = app.roots.hasKey(root);
  const next = isKept ? prepared : await attempted(() => prepareIssuing(app, !hasKey, root), left);
  if (!next) return null;
  if (next.certificate === null) {
    left.push(
      `issuing CA ${number} goes on signing until the certificate of issuing CA ${next.number} is there, so that nobody lapses: nolapse trust prepare issuing --request FILE writes what is to be signed, nolapse trust install FILE takes it`,
    );
    return null;
  }
  const replacement = await attempted(() => activateIssuing(app, null, root), left);
  if (isKept) {
    left.push(
      `issuing CA ${next.number} was prepared before: if its key may be in the same hands, nolapse trust compromised issuing`,
    );
  }
  return replacement;
}

async function carryOut(
  app: CompromiseContext,
  slot: InUse,
  { passphrase, fresh = false }: CompromisedCa,
): Promise<CompromisedIssuingView> {
  const left: string[] = [];
  await revoke(app, slot);
  const replacement = await replace(app, slot, fresh, left);
  await refreshRootLists(app);
  if (!app.roots.hasKey(slot.root)) {
    left.push(`the list of root ${slot.root} is to be signed: nolapse trust crl root --request FILE`);
  }
  const isCurrent = currentRoot(await app.store.read.rootSlots()).number === slot.root;
  const begun = isCurrent ? await beginLeaving(app, passphrase, left) : nothingBegun;
  const { number, root } = slot;
  return { number, root, replacement, ...begun, left: await leftOfRollover(app, left) };
}

export interface CompromisedCa {
  /** Absent: the one that signs. */
  readonly number?: number | undefined;
  /** Gives up one that was prepared before, whose key may be in the same hands. */
  readonly fresh?: boolean | undefined;
  /** Seals the withdrawal of a root that is made now. */
  readonly passphrase: string;
  /** SHA-256 of the issuing CA, as it was printed when this was asked for. */
  readonly release?: string | undefined;
}

/**
 * Takes down that an issuing CA is compromised, replaces it and begins to leave the root above it, as far as that can be done here.
 * @returns rejects with `not_found` and `conflict` where it is none in use, or another step was asked for than is released.
 */
export async function compromiseIssuing(
  app: CompromiseContext,
  given: CompromisedCa,
): Promise<{ readonly done: CompromisedIssuingView } | { readonly asked: AskedStepView }> {
  const slot = await issuingInUse(app, given.number);
  const { number, certificate } = slot;
  const step = { step: 'compromised', number, fingerprint: certificate.fingerprint } as const;
  if (given.release !== undefined) {
    const fingerprint = given.release.replaceAll(':', '').toLowerCase() as Fingerprint;
    const asked = await readAsked(app.store.read);
    if (!isReleasedBy(asked, { ...step, fingerprint }) || fingerprint !== certificate.fingerprint) {
      throw conflict('this was not asked for: nolapse trust compromised issuing');
    }
  } else if (app.settings.trust.approval.issuing === 'required') return askIssuing(app, step);
  return { done: await carryOut(app, slot, given) };
}
