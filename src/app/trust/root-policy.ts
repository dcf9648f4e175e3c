// When the steps of roots are due: by configuration, or at once where a root in use is not to be trusted or nobody has the present one's key.
import { hastened, inState, type RootPolicy, rootPolicyDefault } from '../../domain/root-slots.ts';
import type { Context } from '../context.ts';
import { rootsDistrusted } from './exposed-list.ts';
import { isKeyLost } from './root-marks.ts';

/** A root that is prepared is announced as soon as it can be. */
export async function rootPolicyOf(app: Pick<Context, 'store' | 'clock' | 'settings'>): Promise<RootPolicy> {
  const { rootPrepareAt, rootWarnAhead } = app.settings.trust;
  const policy = {
    ...rootPolicyDefault,
    prepareAt: rootPrepareAt,
    distributeAt: rootPrepareAt,
    warnAhead: rootWarnAhead,
  };
  const current = inState(await app.store.read.rootSlots(), 'current');
  const isLost = current !== null && (await isKeyLost(app.store.read, current.number));
  const isUrgent = isLost || (await rootsDistrusted(app)).some(({ isInUse }) => isInUse);
  return isUrgent ? hastened(policy) : policy;
}
