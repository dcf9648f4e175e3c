// Looks now and then for stored MQTT sessions that nobody came back to, and has them forgotten with their queues.
import { ownerAndClientOf } from '../domain/client-id.ts';
import type { Clock } from '../ports/clock.ts';
import type { DecisionLog } from '../ports/decision-log.ts';

/** Looks in the time that a session is kept: how exactly it is kept. */
const looksPerExpiry = 20;
const lookLeastMs = 500;
const lookMostMs = 3_600_000;

export interface AbsentSessionsOptions {
  readonly expiryMs: number;
  readonly clock: Pick<Clock, 'steady'>;
  readonly decisions: DecisionLog;
  /** Counts the first so many milliseconds for who is away, and forgets who has been for the second. @returns their names, a few at a time. */
  readonly forgetAbsent: (ms: number, mostMs: number, signal: AbortSignal) => AsyncIterable<readonly string[]>;
}

/** @returns what ends it; resolves when the look under way has ended. */
export function watchAbsentSessions({ expiryMs, clock, decisions, forgetAbsent }: AbsentSessionsOptions) {
  let lookedAt = clock.steady();
  const stopping = new AbortController();
  let looking: Promise<void> = Promise.resolve();
  const tell = (session: string): void => {
    const { owner, clientId } = ownerAndClientOf(session);
    decisions.tell({
      action: 'session.forgotten',
      message: `${clientId}: its session was away too long and is forgotten, with its queue`,
      fields: { 'nolapse.client_id': clientId, 'nolapse.principal': owner },
    });
  };
  const look = async (): Promise<void> => {
    const now = clock.steady();
    const passed = Math.round(now - lookedAt);
    lookedAt = now;
    try {
      for await (const gone of forgetAbsent(passed, expiryMs, stopping.signal)) gone.forEach(tell);
    } catch (error) {
      decisions.tell({
        action: 'broker.failed',
        level: 'error',
        message: `absent sessions could not be looked for: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
  };
  const everyMs = Math.min(lookMostMs, Math.max(lookLeastMs, expiryMs / looksPerExpiry));
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, everyMs);
  return async (): Promise<void> => {
    clearInterval(timer);
    stopping.abort();
    await looking;
  };
}
