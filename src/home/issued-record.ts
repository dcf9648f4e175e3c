// Has what is issued and revoked recorded in a file beside the ledger, where one is configured, before whoever changed it goes on.
import { randomBytes } from 'node:crypto';
import type { IssuedState } from '../domain/machine.ts';
import { IssuedFile } from '../issued/file.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import { Changes, recordedSetting } from '../store/sqlite/changes.ts';
import type { Database } from '../store/sqlite/database.ts';

const keySetting = 'issued.key';
/** Is there a file that has every change up to the last number? */
const onSetting = 'issued.on';

/** What the ledger knows of its file: the key of its codes, and the number of the last line. */
export async function issuedState(store: Store): Promise<{ readonly key: Buffer; readonly number: number }> {
  const known = await store.read.setting(keySetting);
  // Made with the first opening, so that every backup has it.
  const key = known ?? randomBytes(32).toString('hex');
  if (known === null) await store.transact((tx) => tx.putSetting(keySetting, key));
  return { key: Buffer.from(key, 'hex'), number: Number((await store.read.setting(recordedSetting)) ?? 0) };
}

/**
 * @param path null: nothing is recorded.
 * @returns the store, whose transactions then resolve when they are recorded too, or cannot be; and how that goes at the moment.
 */
export async function recordIssued(
  opened: { readonly store: Store; readonly database: Database },
  path: string | null,
  clock: Clock,
): Promise<{ readonly store: Store; readonly issued: () => IssuedState | null }> {
  const { store, database } = opened;
  const { key, number } = await issuedState(store);
  const wasOn = (await store.read.setting(onSetting)) === '1';
  if (path === null) {
    if (wasOn) await store.transact((tx) => tx.putSetting(onSetting, '0'));
    return { store, issued: () => null };
  }
  // A number that no line has says that changes before it may be in no file.
  const first = wasOn ? number : number + 1;
  if (!wasOn) {
    await store.transact(async (tx) => {
      await tx.putSetting(onSetting, '1');
      await tx.putSetting(recordedSetting, String(first));
    });
  }
  const waiting = new Changes(database);
  const { now, steady } = clock;
  const file = new IssuedFile({ path, key, number: first, waiting, now, steady });
  await file.flush();
  const recording: Partial<Store> = {
    transact: async (work, pace) => {
      const result = await store.transact(work, pace);
      await file.flush();
      return result;
    },
    // What is delivered is recorded first.
    onOwed: (listener) => store.onOwed((owed) => void file.flush().then(() => listener(owed))),
    close: async () => {
      await file.flush();
      await store.close();
    },
  };
  return {
    store: Object.assign(Object.create(store) as Store, recording),
    issued: () => {
      void file.flush();
      return { failure: file.failure, waiting: waiting.count };
    },
  };
}
