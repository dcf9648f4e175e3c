// The store that the suite runs on now, opened anew for each test, and short ways to put rows into it.
import type { LedgerEntry } from '../../../src/domain/certificate.ts';
import type { Effect } from '../../../src/domain/effect.ts';
import type { Renewal } from '../../../src/domain/renewal.ts';
import type { Store } from '../../../src/ports/store.ts';
import { principal } from './rows.ts';

export interface OpenedStore {
  readonly store: Store;
  /** Closes the store and opens what it kept. */
  reopen(): Promise<Store>;
  /** Closes it and forgets everything. */
  discard(): Promise<void>;
}

let opened: OpenedStore;
export let store: Store;

/** Opens an empty store and puts the principals `a` and `b` into it. */
export async function begin(open: () => Promise<OpenedStore>): Promise<void> {
  opened = await open();
  store = opened.store;
  await store.transact(async (tx) => {
    for (const id of ['a', 'b']) await tx.putPrincipal(principal(id));
  });
}

export async function reopen(): Promise<void> {
  store = await opened.reopen();
}

export const end = (): Promise<void> => opened.discard();

export const put = (...entries: LedgerEntry[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const entry of entries) await tx.putCertificate(entry);
  });

export const putRenewals = (...rows: Renewal[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const row of rows) await tx.putRenewal(row);
  });

export const owe = (...effects: Effect[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const effect of effects) await tx.enqueue(effect);
  });
