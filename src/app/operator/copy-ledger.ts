// Has the ledger copied into a file for a backup, beside everything else that goes on. What else a backup holds is its caller's.
import { NolapseError } from '../../domain/errors.ts';
import { type Changing, change } from '../change.ts';
import type { WithChores } from '../chores.ts';
import { OperationError } from '../operation-error.ts';

/**
 * One copy at a time; it breaks off when the broker stops.
 * @param file absolute: the caller's folder is not ours.
 * Rejects with OperationError `invalid` and `conflict`.
 */
export async function copyLedger(app: Changing & WithChores, file: string): Promise<{ readonly file: string }> {
  if (!file.startsWith('/') && !/^[A-Za-z]:[\\/]/.test(file)) {
    throw new OperationError('invalid', ['file: expected an absolute path']);
  }
  const run = app.chores.begin('the copy of the ledger', (signal) => app.store.file.copyTo(file, () => signal.aborted));
  if (!run) throw new OperationError('conflict', ['another backup is being made, or the gateway is stopping']);
  try {
    await run;
  } catch (error) {
    if (error instanceof NolapseError) throw new OperationError('conflict', [error.message]);
    throw error;
  }
  await change(app, ({ record }) =>
    record({ action: 'ledger.copied', message: `the ledger was copied to ${file}, for a backup` }),
  );
  return { file };
}
