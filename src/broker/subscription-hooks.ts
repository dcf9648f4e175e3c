// SUBSCRIBE: grants what the session's access covers, within a bounded number, and tells the application when a session
// has begun to listen to its enrollment topics.
import type { Aedes, AedesOptions } from 'aedes';
import type { Entrance } from '../app/session.ts';
import { asksForEnrollment, maySubscribe } from '../domain/acl.ts';
import { costs } from '../domain/costs.ts';
import { NolapseError } from '../domain/errors.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import { keptSessionFilter } from '../ports/mqtt-packets.ts';
import { type BrokerClient, brokerClient, failure, type PacketParser } from './aedes-internals.ts';
import type { BrokerLimits } from './limits.ts';
import { answerRepeated } from './repeated-filters.ts';
import { type RetainedCare, type RetainedSource, replayRetained } from './retained-replay.ts';
import type { LiveSession, SessionRegistry } from './session-registry.ts';

type AuthorizeSubscribe = NonNullable<AedesOptions['authorizeSubscribe']>;

/** Filters a session may ask for in vain. One packet can hold tens of thousands, and whoever sends such has lost its way, or means harm. */
export const filtersRefusedMax = 1_000;

export interface SubscriptionOptions {
  readonly entrance: Entrance;
  readonly registry: SessionRegistry;
  readonly decisions: DecisionLog;
  readonly limits: BrokerLimits;
  readonly retained: RetainedSource;
  readonly care: RetainedCare;
}

/** What the client's parser is to know of its session. */
export function filtersOf(
  client: BrokerClient,
  registry: SessionRegistry,
  { subscriptionsPerClientMax }: BrokerLimits,
): NonNullable<PacketParser['filters']> {
  return {
    // The one beyond ends the session.
    most: subscriptionsPerClientMax + filtersRefusedMax + 1,
    has: (filter) => client.subscriptions[filter] !== undefined,
    count: (filters) => registry.of(client)?.budget.spend(filters * costs.filter),
  };
}

/** Called for each filter of a SUBSCRIBE, and again for each that a persistent session brings back. */
export function authorizeSubscribeHook(options: SubscriptionOptions): AuthorizeSubscribe {
  const { entrance, registry, decisions, limits } = options;
  return (client, subscription, callback) => {
    const live = registry.of(client);
    const filter = subscription.topic;
    if (!live || live.ending !== null || filter === keptSessionFilter) return callback(null, null);
    // Those of a packet were counted as it was parsed.
    if (!live.ready) live.budget.spend(costs.filter);
    if (live.filtersRefused >= filtersRefusedMax) {
      registry.end(live, 'subscriptions_refused');
      return callback(null, null);
    }
    if (!maySubscribe(live.session.access, filter)) {
      live.filtersRefused += 1;
      entrance.denied(live.session, 'subscribe', filter);
      return callback(null, null);
    }
    const limit = limitReached(live, filter, limits);
    if (limit) {
      live.filtersRefused += 1;
      decisions.tell({
        action: 'subscription.refused',
        level: 'warn',
        ...limit,
        fields: { 'nolapse.principal': live.session.principal.id, 'nolapse.client_id': live.shownClientId },
      });
      return callback(null, null);
    }
    live.filters.add(filter);
    callback(null, subscription);
  };
}

/** Follows what happens to subscriptions after they were granted. */
export function watchSubscriptions(aedes: Aedes, options: SubscriptionOptions): void {
  const { registry, entrance, limits, retained, care } = options;
  const failed = (cause: unknown): void => void aedes.emit('error' as never, unreadable(cause) as never);
  // Emitted after SUBACK was written, so that an offer never overtakes it.
  aedes.on('subscribe', (subscriptions, mqttClient) => {
    const client = brokerClient(mqttClient);
    const live = registry.of(client);
    answerRepeated(client, subscriptions);
    // aedes waits for the socket to take its own answers, and not for these.
    if (live && client.conn.writableLength > limits.outboundBytesMax) registry.end(live, 'slow_reader');
    if (!live) return;
    const granted = subscriptions.filter(({ qos }) => (qos as number) !== failure).map(({ topic }) => topic);
    replayRetained(live, granted, retained, care, failed);
    if (asks(live, granted)) entrance.listening(live.session, true);
  });
  aedes.on('unsubscribe', (filters, client) => {
    const live = registry.of(client);
    for (const filter of filters) live?.filters.delete(filter);
  });
  aedes.on('clientReady', (client) => {
    const live = registry.of(client);
    if (!live || live.ending !== null) return;
    live.ready = true;
    if (asks(live, live.filters)) entrance.listening(live.session, false);
  });
}

/** Why a filter is not granted that the session's access covers; null: it is. */
function limitReached(
  { filters }: LiveSession,
  filter: string,
  { filterBytesMax, subscriptionsPerClientMax }: BrokerLimits,
): { readonly reason: string; readonly message: string } | null {
  if (Buffer.byteLength(filter) > filterBytesMax) return { reason: 'filter_bytes', message: 'the filter is too long' };
  if (filters.size < subscriptionsPerClientMax || filters.has(filter)) return null;
  return { reason: 'subscriptions_max', message: 'too many subscriptions' };
}

function unreadable(cause: unknown): NolapseError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new NolapseError('store_failed', `retained messages could not be read: ${why}`, cause);
}

function asks(live: LiveSession, filters: Iterable<string>): boolean {
  const { kind, id } = live.session.principal;
  for (const filter of filters) if (asksForEnrollment(filter, kind === 'gateway' ? undefined : id)) return true;
  return false;
}
