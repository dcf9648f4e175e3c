// One renewal, what it was refused, and every step recorded about it.
import type { Context } from '../context.ts';
import type { WithRefusals } from '../enrollment/refusals.ts';
import { OperationError } from '../operation-error.ts';
import type { RenewalView } from '../views/renewals.ts';

/** Lines of the journal, the newest. */
const linesMax = 1_000;

/** Rejects with `not_found`. */
export async function showRenewal(app: Pick<Context, 'store'> & WithRefusals, id: string): Promise<RenewalView> {
  const { read } = app.store;
  const renewal = await read.renewal(id);
  if (!renewal) throw new OperationError('not_found', [`no renewal ${id.slice(0, 64)}`]);
  await app.refusals.flush(id);
  return {
    renewal,
    refusals: await read.refusalsOf(id),
    journal: await read.journal({ renewalId: id }, linesMax),
  };
}
