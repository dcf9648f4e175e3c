// Gathers everything that the broker depends on and that ends, with its dates, from the slots, the lists and what is served.
import { type IssuingSlot, issuingDates, issuingName, objectToActivation } from '../../domain/issuing-slots.ts';
import { type Deadline, type JudgedDeadline, judge } from '../../domain/own-deadlines.ts';
import { completeListOf } from '../../domain/revocation-list.ts';
import { dropCrossAt } from '../../domain/root-cross.ts';
import { renewListAt } from '../../domain/root-list.ts';
import { rootPolicyDefault, warnFrom } from '../../domain/root-slots.ts';
import { inspectCertificate, readAdopted } from '../../pki/x509.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import type { Context } from '../context.ts';
import { currentRoot, signingCa } from '../trust.ts';
import { type IssuingPolicyContext, issuingMeans } from './issuing-policy.ts';
import { readCross } from './kept-cross.ts';

export type OwnContext = IssuingPolicyContext &
  Pick<Context, 'authority' | 'clock' | 'served' | 'store' | 'roots' | 'settings'>;

type Dates = Pick<Deadline, 'beginsAt' | 'endsAt'>;

function datesOf(der: Uint8Array): Dates {
  const { notBefore, notAfter } = inspectCertificate(der);
  return { beginsAt: notBefore, endsAt: notAfter };
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
const isAlive = ({ endedAt }: Pick<KeptRoot, 'endedAt'>): boolean => endedAt === null;

function rootDeadlines(app: OwnContext, roots: readonly KeptRoot[]): Deadline[] {
  const outside = signingCa(app).number === undefined && !isSame(currentRoot(app), app.served.root);
  const own = roots.filter(isAlive).map((root): Deadline => {
    const { number, state, notBefore: beginsAt, notAfter: endsAt } = root;
    const dates = { beginsAt, endsAt };
    if (state === 'current') {
      return { kind: 'root', subject: outside ? 'root certificate of the server' : 'root certificate', ...dates };
    }
    const subject = `certificate of root ${number}`;
    if (state === 'next') return { kind: 'root_next', subject, ...dates };
    // It is left by then; who has not left it is told by `trust_unproved` from the same day on.
    return { kind: 'root_former', subject, ...dates, warnAt: warnFrom(root, rootPolicyDefault) };
  });
  if (!outside) return own;
  // With an authority elsewhere devices verify the broker with another root than others verify the devices with.
  const others = app.authority.trust().roots.map((der, place): Deadline => {
    const subject = place === 0 ? 'root certificate' : `root certificate ${place + 1} of the authority`;
    return { kind: 'root', subject, ...datesOf(der) };
  });
  return [...others.slice(0, 1), ...own, ...others.slice(1)];
}

/**
 * From when on somebody is warned of the end of an issuing CA that is current below its root: not before the next one should be there, where it comes by
 * itself, and not before it should sign, where it is ready.
 */
function warnOfIssuing(app: OwnContext, slots: readonly IssuingSlot[], current: IssuingSlot): number | null {
  const means = issuingMeans(app, current.root);
  const dates = issuingDates(current, means);
  if (dates === null || app.settings.trust.approval.issuing === 'required') return null;
  const isReady = objectToActivation(slots, app.clock.now(), current.root) === null;
  if (isReady) return dates.neededAt;
  return means.hasRootKey ? dates.prepareAt : null;
}

function issuingDeadlines(app: OwnContext, slots: readonly IssuingSlot[]): Deadline[] {
  const { number, chain } = signingCa(app);
  const neededMs = Math.max(...app.policies.all().map(({ lifetimeMs }) => lifetimeMs));
  const signing = slots.find((slot) => slot.number === number);
  const shown = chain.map((der, place): Deadline => {
    if (place > 0) return { kind: 'issuing', subject: `issuing certificate ${place + 1}`, ...datesOf(der) };
    const warnAt = signing ? warnOfIssuing(app, slots, signing) : null;
    return { kind: 'issuing', subject: 'issuing certificate', ...datesOf(der), neededMs, warnAt };
  });
  const others = slots.flatMap((slot): Deadline[] => {
    if (slot.number === number || slot.certificate === null) return [];
    const { notBefore: beginsAt, notAfter: endsAt } = slot.certificate;
    // Of a former one every certificate ends before it does; of a next one `trust_step` says what is to be done.
    const isQuiet = slot.state !== 'current';
    const subject = `certificate of issuing CA ${slot.number}`;
    return [{ kind: 'issuing_other', subject, beginsAt, endsAt, isQuiet, remark: `it is ${slot.state}` }];
  });
  return [...shown, ...others];
}

function serverDeadlines(app: OwnContext, server: Uint8Array | null): Deadline[] {
  const { first, second } = app.served;
  const found: Deadline[] = server ? [{ kind: 'server', subject: 'server certificate', ...datesOf(server) }] : [];
  if (second?.certificate && second.root !== first.root) {
    const subject = 'server certificate of the second port';
    const remark = `it is below root ${second.root}`;
    found.push({ kind: 'server_second', subject, ...datesOf(second.certificate), remark });
  }
  return found;
}

/** The list of issuing CAs that ends first: it is signed anew when half of its time has passed, so one with less than a quarter left is overdue. */
async function listDeadlines({ store }: Pick<Context, 'store'>): Promise<Deadline[]> {
  const list = await store.read.firstRevocationListToEnd();
  if (!list || list.number === 0) return [];
  const { issuer, number, thisUpdate: beginsAt, nextUpdate: endsAt } = list;
  const isComplete = list.shard === completeListOf(issuer);
  const remark = `${isComplete ? '' : `shard ${list.shard} of `}${issuingName(issuer)}, number ${number}`;
  return [{ kind: 'crl', subject: 'revocation list', beginsAt, endsAt, remark, todo: 'no new list was signed' }];
}

async function rootListDeadlines(app: OwnContext, roots: readonly KeptRoot[]): Promise<Deadline[]> {
  const found: Deadline[] = [];
  for (const { number, notAfter } of roots.filter(isAlive)) {
    const list = await app.store.read.rootList(number);
    // Nobody takes a list of a root that has ended.
    if (!list || notAfter <= app.clock.now()) continue;
    const isHere = app.roots.hasKey(number);
    const request = `nolapse trust crl root${number === 1 ? '' : ` --root ${number}`} --request FILE`;
    found.push({
      kind: 'root_crl',
      subject: `revocation list of root ${number}`,
      beginsAt: list.thisUpdate,
      endsAt: list.nextUpdate,
      // Somebody has to go to where the key is.
      warnAt: isHere ? null : renewListAt(list),
      todo: isHere ? 'no new list was signed' : request,
    });
  }
  return found;
}

async function crossDeadlines({ store }: Pick<Context, 'store'>): Promise<Deadline[]> {
  const cross = await readCross(store.read);
  if (!cross) return [];
  // From then on it is not shown: its own end is after that, and its signer's no earlier.
  const endsAt = dropCrossAt(cross);
  const remark = `root ${cross.signer} signed it; its certificate ends ${new Date(cross.notAfter).toISOString()}`;
  const todo = 'who trusts the older root alone is then shown that root again: nolapse trust cross, or --drop';
  const subject = `cross certificate of root ${cross.root}`;
  return [{ kind: 'cross', subject, beginsAt: cross.notBefore, endsAt, remark, todo }];
}

function anchorDeadlines({ settings }: Pick<Context, 'settings'>): Deadline[] {
  return settings.anchors.map((der): Deadline => {
    const { commonName } = readAdopted(der);
    const name = `${commonName ?? 'without a name'}, SHA-256 ${inspectCertificate(der).fingerprint.slice(0, 16)}`;
    const todo = 'then it introduces nobody: put its successor into bootstrap.anchors';
    return { kind: 'anchor', subject: `bootstrap anchor ${name}`, ...datesOf(der), todo };
  });
}

/** All of it, the roots first. @param server DER of the first port's certificate; null: there is none. */
export async function ownDeadlines(app: OwnContext, server: Uint8Array | null): Promise<Deadline[]> {
  const roots = await app.store.read.rootSlots();
  const slots = await app.store.read.issuingSlots();
  return [
    ...rootDeadlines(app, roots),
    ...issuingDeadlines(app, slots),
    ...serverDeadlines(app, server),
    ...(await crossDeadlines(app)),
    ...(await listDeadlines(app)),
    ...(await rootListDeadlines(app, roots)),
    ...anchorDeadlines(app),
  ];
}

/** The same as it is told now. */
export async function judgedDeadlines(app: OwnContext, server: Uint8Array | null): Promise<JudgedDeadline[]> {
  const now = app.clock.now();
  return (await ownDeadlines(app, server)).map((each) => judge(each, now));
}
