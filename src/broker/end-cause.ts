// Why a client's connection ended, read off what is known at its end.
import type { EndCause } from '../domain/disconnection.ts';
import { NolapseError } from '../domain/errors.ts';
import type { BrokerClient } from './aedes-internals.ts';
import { isOfTransport } from './polite-end.ts';
import type { LiveSession } from './session-registry.ts';
import { isOfWebSocket } from './turned-away.ts';

/** Reasons for which the registry ends a session that are the client's doing. */
const limits: ReadonlySet<string> = new Set([
  'sessions_max',
  'subscriptions_refused',
  'slow_reader',
  'unreleased_messages',
]);

export interface EndFacts {
  readonly client: BrokerClient;
  readonly live: LiveSession;
  /** The newest session with its client id. */
  readonly newest: LiveSession | undefined;
  /** Did the guard refuse a packet? */
  readonly isRefused: boolean;
  readonly error: Error | undefined;
}

export function endCauseOf({ client, live, newest, isRefused, error }: EndFacts): EndCause {
  if (live.ending !== null) return limits.has(live.ending) ? 'limit' : 'decided';
  if (client._disconnected) return 'disconnected';
  if (isRefused) return 'packet_refused';
  if (client._parser.error) return 'malformed';
  // What waited for a socket that is gone: its end has another cause, and is only learnt of by it.
  const isAfterwards = error?.message === 'connection closed';
  if (error && !isAfterwards) return causeOf(error);
  if (newest && newest !== live) return 'taken_over';
  // aedes gives no reason where a packet may not come at all, such as a second CONNECT.
  return isAfterwards || client.conn.readableEnded || client.conn.destroyed ? 'closed' : 'malformed';
}

/** aedes tells its own errors apart by their words alone. */
function causeOf(error: Error): EndCause {
  if (error.message === 'keep alive timeout') return 'silent';
  if (error.message === 'drain timeout') return 'limit';
  if (error instanceof NolapseError) return error.code === 'unreleased_messages' ? 'limit' : 'decided';
  if (isOfTransport(error)) return 'closed';
  // The store's errors have a code, and are not the client's doing.
  return 'code' in error && !isOfWebSocket(error) ? 'decided' : 'malformed';
}
