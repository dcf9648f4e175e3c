// The revocation lists of the living roots: signed where the root's key is in the home, asked for and taken where it is elsewhere. What
// takes a key is done before the change that keeps it; killed in between, the list before is out.
import { z } from 'zod';
import { type IssuingSlot, isLiving } from '../../domain/issuing-slots.ts';
import { causeToSignRootList, nextRootList, type RevokedIssuing, type RootList } from '../../domain/root-list.ts';
import type { GivenFile } from '../../ports/issuing-cas.ts';
import type { ListedRoot, ListRequest, TakenList } from '../../ports/root-lists.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import type { Reader, Transaction } from '../../ports/store.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import type { RootListRequestView, RootListView } from '../views/root-lists.ts';
import type { OneAtATime } from './one-at-a-time.ts';

export type RootListsContext = Changing &
  Pick<Context, 'roots' | 'rootLists' | 'shelf'> & { readonly steps: OneAtATime };

const conflict = (fault: string): OperationError => new OperationError('conflict', [fault]);
const isAlive = ({ state }: Pick<KeptRoot, 'state'>): boolean =>
  state === 'next' || state === 'current' || state === 'former';

export async function livingRoots({ store }: Pick<Context, 'store'>): Promise<KeptRoot[]> {
  return (await store.read.rootSlots()).filter(isAlive);
}

const askedSchema = z.strictObject({ body: z.base64(), digest: z.enum(['sha256', 'sha384']) });
const settingOf = (root: number): string => `trust.asked.list.${root}`;

async function readAskedList(read: Pick<Reader, 'setting'>, root: number): Promise<ListRequest | null> {
  const text = await read.setting(settingOf(root));
  if (!text) return null;
  const { body, digest } = askedSchema.parse(JSON.parse(text));
  return { body: new Uint8Array(Buffer.from(body, 'base64')), digest };
}

async function putAskedList(tx: Transaction, root: number, asked: ListRequest | null): Promise<void> {
  const text = asked && { ...asked, body: Buffer.from(asked.body).toString('base64') };
  await tx.putSetting(settingOf(root), text ? JSON.stringify(text) : '');
}

async function keepList({ tx, record }: Change, { der, ...list }: TakenList): Promise<void> {
  await tx.putRootList(list, der);
  await putAskedList(tx, list.root, null);
  const until = new Date(list.nextUpdate).toISOString();
  await record({
    action: 'crl.published',
    message: `CRL of root ${list.root}, number ${list.number} published, issuing CAs on it: ${list.entries.length}, good until ${until}`,
    fields: {
      'nolapse.crl.number': list.number,
      'nolapse.crl.entries': list.entries.length,
      'nolapse.root': list.root,
    },
  });
}

async function publish(app: RootListsContext, list: TakenList): Promise<void> {
  await change(app, (within) => keepList(within, list));
  await app.shelf.keepRootList(list.root, list.der);
}

async function revokedBelow(app: Pick<Context, 'store'>, root: number): Promise<RevokedIssuing[]> {
  return (await app.store.read.revokedIssuing()).filter((each) => each.root === root);
}

/** The list of a root, signed anew first where that is due and its key is here. */
async function refreshed(app: RootListsContext, root: KeptRoot): Promise<RootList | null> {
  const { store, clock, roots, rootLists } = app;
  const list = await store.read.rootList(root.number);
  const revoked = await revokedBelow(app, root.number);
  const now = clock.now();
  // After its end nobody takes a list of it.
  if (!roots.hasKey(root.number) || now >= root.notAfter) return list;
  if (causeToSignRootList(list, revoked, now) === null) return list;
  const next = nextRootList(root, list, revoked, now);
  const signed = { root: root.number, ...next };
  await publish(app, { ...signed, der: rootLists.sign(root.number, next) });
  return signed;
}

/**
 * Has the list of each living root signed where it is due and the root's key is here, and in the folder of lists. Rejects with what went
 * wrong with the first that could not be signed, when all were tried.
 */
export function refreshRootLists(app: RootListsContext): Promise<void> {
  return app.steps.run(async () => {
    const failures: unknown[] = [];
    for (const root of await livingRoots(app)) {
      try {
        await refreshed(app, root);
        const der = await app.store.read.rootListBytes(root.number);
        if (der) await app.shelf.keepRootList(root.number, der);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  });
}

async function rootNumbered(app: RootListsContext, number: number | undefined): Promise<KeptRoot> {
  const living = await livingRoots(app);
  const found = living.find((root) => (number === undefined ? root.state === 'current' : root.number === number));
  if (found) return found;
  throw new OperationError('not_found', [`root ${number ?? ''} is none of those in use`]);
}

/** The list of a root that is out, signed anew first where it is due and can be. Null: none was ever signed. */
export function rootListOf(app: RootListsContext, number: number | undefined): Promise<RootListView | null> {
  return app.steps.run(async () => {
    const root = await rootNumbered(app, number);
    const list = await refreshed(app, root);
    const der = await app.store.read.rootListBytes(root.number);
    return list && der && { ...list, base64: Buffer.from(der).toString('base64') };
  });
}

/**
 * What is to be signed where the root's key is, for its next list. It is asked for from then on: {@link installRootLists} takes the
 * signature. Rejects with `conflict` where the key is in the home.
 */
export function requestRootList(app: RootListsContext, number: number | undefined): Promise<RootListRequestView> {
  return app.steps.run(async () => {
    const root = await rootNumbered(app, number);
    if (app.roots.hasKey(root.number)) {
      throw conflict(`the key of root ${root.number} is in the home: its list is signed by itself`);
    }
    const list = await app.store.read.rootList(root.number);
    const next = nextRootList(root, list, await revokedBelow(app, root.number), app.clock.now());
    const asked = app.rootLists.request(root.number, next);
    await change(app, async ({ tx, record }) => {
      await putAskedList(tx, root.number, asked);
      await record({
        action: 'trust.awaited',
        message: `root ${root.number}: its revocation list ${next.number} is to be signed elsewhere`,
        fields: { 'nolapse.root': root.number, 'nolapse.crl.number': next.number },
      });
    });
    return { root: root.number, ...next, digest: asked.digest, base64: Buffer.from(asked.body).toString('base64') };
  });
}

/** Does a signature wait to come back? */
export async function isListAsked(app: Pick<Context, 'store'>, root: number): Promise<boolean> {
  return (await readAskedList(app.store.read, root)) !== null;
}

/**
 * Takes lists of living roots that were made elsewhere, or signatures over what was asked for. Twice is once.
 * @returns rejects with `invalid` and every fault by its file; then nothing has changed.
 */
export function installRootLists(app: RootListsContext, files: readonly GivenFile[]): Promise<readonly RootListView[]> {
  return app.steps.run(async () => {
    const { read } = app.store;
    const slots = await read.issuingSlots();
    const listed: ListedRoot[] = [];
    for (const { number } of await livingRoots(app)) {
      const revoked = await revokedBelow(app, number);
      const inUse = ({ root, number: of, certificate }: IssuingSlot): boolean =>
        root === number && certificate !== null && !revoked.some((each) => each.number === of);
      listed.push({
        root: number,
        kept: await read.rootListBytes(number),
        asked: await readAskedList(read, number),
        revoked,
        inUse: slots.filter((slot) => isLiving(slot) && inUse(slot)),
      });
    }
    const taken = app.rootLists.take(files, listed, app.clock.now());
    if ('faults' in taken) throw new OperationError('invalid', taken.faults);
    for (const list of taken) await publish(app, list);
    return taken.map(({ der, ...list }) => ({ ...list, base64: Buffer.from(der).toString('base64') }));
  });
}
