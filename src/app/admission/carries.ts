// Which site gateway carries the telemetry of which device now: publishes it and is handed it, as far as its access list goes.
import type { PrincipalId } from '../../domain/principal.ts';
import type { Context } from '../context.ts';
import type { Session } from '../session.ts';

/** As {@link Entrance.carries}; never throws. */
export function carries(
  app: Pick<Context, 'store' | 'clock' | 'decisions'>,
  { principal, lane }: Pick<Session, 'principal' | 'lane'>,
  device: PrincipalId,
): boolean {
  if (principal.kind !== 'gateway' || lane !== 'full') return false;
  try {
    const until = app.store.glance.telemetryUntil(principal.id, device);
    return until !== null && until > app.clock.now();
  } catch (error) {
    // Asked in the middle of a delivery, where nobody could take an error: what cannot be judged is not carried.
    app.decisions.tell({
      action: 'broker.failed',
      level: 'error',
      message: `${principal.id}: whether it may carry the telemetry of ${device} could not be judged`,
      fields: {
        'nolapse.principal': principal.id,
        'error.message': error instanceof Error ? error.message : String(error),
      },
    });
    return false;
  }
}
