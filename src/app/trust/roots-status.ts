// How the roots of a home stand, and what waits for somebody.
import type { Context } from '../context.ts';
import type { RootsView } from '../views/trust-roots.ts';
import { askedRootView } from './approve-root.ts';
import { readAskedRoot } from './asked-root.ts';
import { readAwaited } from './awaited-root.ts';

export type RootsStatusContext = Pick<Context, 'store' | 'roots' | 'settings'>;

export async function rootsView({ store, roots, settings }: RootsStatusContext): Promise<RootsView> {
  const { read } = store;
  const slots = await read.rootSlots();
  const asked = await readAskedRoot(read);
  const awaited = await readAwaited(read);
  const numbers = [...slots.map(({ number }) => number), ...(awaited ? [awaited.number] : [])];
  return {
    slots,
    approval: settings.trust.approval.root,
    asked: asked && askedRootView(asked),
    awaited: awaited && {
      number: awaited.number,
      sequence: awaited.sequence,
      wants: awaited.made ? 'signature' : 'root',
    },
    withdrawals: numbers.flatMap((number) => roots.withdrawalFile(number) ?? []),
  };
}
