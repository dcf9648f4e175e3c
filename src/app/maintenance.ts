// The heartbeat: runs the sweep, writes what was seen and pokes the outbox at a steady pace, and less often looks after the
// gateway's own deadlines. One run at a time; a failure is told and the next beat tries again.
import { formatDuration } from '../domain/time.ts';
import { ClockWatch } from './clock-watch.ts';
import type { App } from './context.ts';
import type { Outbox } from './outbox.ts';
import { currentCrl } from './publish-crl.ts';
import type { Seen } from './seen.ts';
import { sweep } from './sweep.ts';

/** How often the gateway's own deadlines are looked at: CRL, server certificate. And at once when the clock was set. */
const ownDeadlinesMs = 30_000;

export interface Maintenance {
  /** Stops after the beat under way. */
  stop(): Promise<void>;
}

export interface MaintenanceParts {
  readonly app: App;
  readonly outbox: Outbox;
  readonly seen: Seen;
  readonly intervalMs: number;
  /** Renews the server's certificate if it is time. */
  readonly lookAfterServer: () => Promise<void>;
}

function tellMoved(app: App, movedMs: number): void {
  app.journal.tell({
    action: 'clock.moved',
    message: `the clock was set ${movedMs > 0 ? 'forward' : 'back'} by ${formatDuration(Math.abs(movedMs))}`,
    fields: { 'nolapse.clock.moved_ms': Math.round(movedMs) },
  });
}

export function startMaintenance({ app, outbox, seen, intervalMs, lookAfterServer }: MaintenanceParts): Maintenance {
  const watch = new ClockWatch(app.clock);
  let stopped = false;
  let ownAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> = Promise.resolve();

  const beat = async (): Promise<void> => {
    try {
      await seen.flush(app);
      await sweep(app);
      outbox.poke();
      const movedMs = watch.moved();
      if (movedMs !== 0) tellMoved(app, movedMs);
      if (movedMs === 0 && app.clock.steady() < ownAt + ownDeadlinesMs) return;
      ownAt = app.clock.steady();
      await currentCrl(app);
      await lookAfterServer();
    } catch (error) {
      app.journal.tell({
        action: 'sweep.failed',
        level: 'error',
        message: 'a sweep failed; the next one tries again',
        fields: { 'error.message': error instanceof Error ? error.message : String(error) },
      });
    }
  };
  const schedule = (): void => {
    if (stopped) return;
    timer = setTimeout(() => {
      beating = beat().finally(schedule);
    }, intervalMs);
  };
  schedule();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await beating;
      await seen.flush(app);
    },
  };
}
