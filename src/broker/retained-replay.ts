// Sends a session the retained messages that its new subscriptions match, one subscription after another: within its principal's
// budget, and no faster than its socket takes them. A filter that is asked for again while it still waits is sent once [MQTT-3.8.4-3].
import { costOfBytes, costs } from '../domain/costs.ts';
import { drained } from '../pacing/drained.ts';
import type { MqttPersistence } from '../ports/mqtt-persistence.ts';
import type { LiveSession } from './session-registry.ts';

/** Rows looked at before others have their turn. */
const rowsPerPage = 64;
/** Handed to the socket before it is asked whether it takes more, beside one message of any size. */
const bytesAtOnce = 16_384;

export type RetainedSource = Pick<MqttPersistence, 'walkRetained' | 'retainedOf'>;

/** The filters of one session that wait, in the order in which they were asked for. */
const waiting = new WeakMap<LiveSession, Set<string>>();

/** What a client cannot take is not sent to it. */
export interface RetainedCare {
  isWithheld(live: LiveSession, topic: string, payload: Buffer | string): boolean;
  /** To be called before it is handed over. */
  sending(live: LiveSession, topic: string, payload: Buffer | string): void;
}

/** `failed` is told when retained messages cannot be read. They are missed then. */
export function replayRetained(
  live: LiveSession,
  filters: readonly string[],
  source: RetainedSource,
  care: RetainedCare,
  failed: (error: unknown) => void,
): void {
  const before = waiting.get(live);
  const queue = before ?? new Set();
  for (const filter of filters) queue.add(filter);
  if (before || queue.size === 0) return;
  waiting.set(live, queue);
  replayAll(live, queue, source, care).catch(failed);
}

async function replayAll(
  live: LiveSession,
  queue: Set<string>,
  source: RetainedSource,
  care: RetainedCare,
): Promise<void> {
  try {
    for (const filter of queue) {
      queue.delete(filter);
      await replay(live, filter, source, care);
    }
  } finally {
    waiting.delete(live);
  }
}

async function replay(live: LiveSession, filter: string, source: RetainedSource, care: RetainedCare): Promise<void> {
  const isWanted = (): boolean => live.ending === null && !live.client.closed && live.filters.has(filter);
  const walk = source.walkRetained(filter);
  while (!walk.isOver && isWanted()) {
    await live.budget.turn(costs.packet);
    const { rows, found } = await walk.page(rowsPerPage);
    live.budget.spend(rows * costs.row);
    for (const together of batchesOf(found)) {
      const bytes = together.reduce((sum, each) => sum + each.bytes, 0);
      await drained(live.client.conn);
      await live.budget.turn(together.length * costs.delivery + costOfBytes(bytes));
      if (!isWanted()) return;
      await Promise.all(together.map(({ topic }) => send(live, topic, source, care, isWanted)));
    }
  }
}

/** Parts of the page, each small enough to be handed on at once. */
function* batchesOf<Each extends { readonly bytes: number }>(page: readonly Each[]): Generator<Each[]> {
  let batch: Each[] = [];
  let bytes = 0;
  for (const each of page) {
    batch.push(each);
    bytes += each.bytes;
    if (bytes < bytesAtOnce) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** Resolves once it was handed to the socket, or will not be. It may have been removed since it was found. */
async function send(
  live: LiveSession,
  topic: string,
  source: RetainedSource,
  care: RetainedCare,
  isWanted: () => boolean,
): Promise<void> {
  const { client } = live;
  const message = await source.retainedOf(topic);
  if (!message || !isWanted()) return;
  const { payload, qos = 0 } = message;
  if (care.isWithheld(live, topic, payload)) return;
  care.sending(live, topic, payload);
  const packet = { cmd: 'publish', topic, payload, qos, retain: true, dup: false } as const;
  await new Promise<void>((resolve) => client.deliverQoS({ ...packet }, resolve));
}
