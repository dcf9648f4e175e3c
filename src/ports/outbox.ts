// What is owed to the outside: kept with the change that owes it, until it was carried out.
import type { Effect } from '../domain/effect.ts';
import type { Instant } from '../domain/time.ts';

export interface WaitingEffect {
  readonly id: number;
  readonly effect: Effect;
  readonly dueAt: Instant;
  readonly attempts: number;
}

/** Effects that wait their turn among those of their kind: offers, issuance, announcements, and what the authority is told of revocations. */
export type QueuedKind = Extract<Effect['kind'], 'prompt' | 'issue' | 'revoke' | 'announce'>;

export interface OutboxReader {
  /**
   * Effects whose dueAt has come, or lies further ahead than any is put off: the clock was set back. In order of id; without those
   * that wait their turn.
   */
  dueEffects(now: Instant, limit: number): Promise<WaitingEffect[]>;
  /** The same of those of one kind that wait their turn: who has least time left first, and what is urgent before what is not. */
  queuedEffects(kind: QueuedKind, now: Instant, limit: number): Promise<WaitingEffect[]>;
}

export interface OutboxWriter {
  /** Adds to what is owed; an effect with the same key is replaced and due at once, an announcement in the place that it had. */
  enqueue(effect: Effect): Promise<void>;
  /** The effect was carried out; a newer one with the same key stays. */
  complete(effectId: number): Promise<void>;
  /** The effect failed and is due again at `dueAt`. */
  putOff(effectId: number, dueAt: Instant): Promise<void>;
}

/** Who carries out what it claims, and until when nobody else does. */
export interface Lease {
  readonly worker: string;
  readonly until: Instant;
}

/** The longest a lease lasts. One that ends later than this from now was given by a clock that ran ahead, and is over. */
export const leaseMaxMs = 300_000;

/** Several workers may share what is owed: each is given what no other one has, and what one that died has left once its lease is over. */
export interface OutboxClaims {
  /**
   * Gives a worker effects that are due, as {@link OutboxReader.queuedEffects} has them of this kind, or for null as
   * {@link OutboxReader.dueEffects} has them. Nobody is given one of them again until the lease ends, or until a committed unit has settled
   * it or put it off, or it is released. At most 4,096 are claimed at a time.
   */
  claim(kind: QueuedKind | null, lease: Lease, now: Instant, limit: number): Promise<WaitingEffect[]>;
  /** Gives back what this worker has claimed and not carried out. What it has not is left alone. */
  release(worker: string, ids: readonly number[]): Promise<void>;
}
