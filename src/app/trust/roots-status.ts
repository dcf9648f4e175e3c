// How the roots of a home stand, and what waits for somebody.

import type { KeptRoot } from '../../ports/root-slots.ts';
import type { Context } from '../context.ts';
import type { RootsView } from '../views/trust-roots.ts';
import { askedRootView } from './approve-root.ts';
import { readAskedRoot } from './asked-root.ts';
import { type Awaited, readAwaited } from './awaited-root.ts';
import { crossView } from './cross.ts';
import { dropOf, lacksDrop } from './drop-step.ts';
import { readAskedCross, readCross } from './kept-cross.ts';
import { isListAsked, livingRoots } from './root-lists.ts';
import { rootsDue } from './root-watch.ts';

export type RootsStatusContext = Pick<Context, 'store' | 'roots' | 'settings' | 'clock'>;

async function listsView(app: Pick<Context, 'store'>): Promise<RootsView['lists']> {
  const living = await livingRoots(app);
  return Promise.all(
    living.map(async ({ number: root }) => {
      const list = await app.store.read.rootList(root);
      const { number = null, nextUpdate = null } = list ?? {};
      return { root, number, nextUpdate, isAsked: await isListAsked(app, root) };
    }),
  );
}

function awaitedView(awaited: Awaited | null, unsigned: KeptRoot | null): RootsView['awaited'] {
  if (awaited) {
    const { number, sequence, made } = awaited;
    return { number, sequence, wants: made ? 'signature' : 'root' };
  }
  if (!unsigned) return null;
  const { root: number, sequence } = dropOf(unsigned);
  return { number, sequence, wants: 'drop' };
}

export async function rootsView(app: RootsStatusContext): Promise<RootsView> {
  const { store, roots, settings } = app;
  const { read } = store;
  const { prepareAt, due } = await rootsDue(app);
  const slots = await read.rootSlots();
  const asked = await readAskedRoot(read);
  const awaited = await readAwaited(read);
  const cross = await readCross(read);
  const numbers = [...slots.map(({ number }) => number), ...(awaited ? [awaited.number] : [])];
  return {
    slots,
    prepareAt,
    due: due?.detail ?? null,
    approval: settings.trust.approval.root,
    asked: asked && askedRootView(asked),
    awaited: awaitedView(awaited, awaited ? null : await lacksDrop(app)),
    lists: await listsView(app),
    cross: cross && crossView(cross),
    isCrossAsked: (await readAskedCross(read)) !== null,
    withdrawals: numbers.flatMap((number) => roots.withdrawalFile(number) ?? []),
  };
}
