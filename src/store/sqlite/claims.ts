// Which effects are being carried out, by whom and until when. In memory alone: the file belongs to one process, whose claims end with it.
import type { Instant } from '../../domain/time.ts';
import { type Lease, leaseMaxMs, type OutboxClaims, type QueuedKind, type WaitingEffect } from '../../ports/outbox.ts';
import type { Tables } from './tables/index.ts';

/** Effects claimed at a time. */
const claimedMax = 4_096;

interface Claim extends Lease {
  readonly kind: QueuedKind | null;
}

function isOver({ until }: Lease, now: Instant): boolean {
  return until <= now || until > now + leaseMaxMs;
}

export class Claims implements OutboxClaims {
  readonly #tables: Pick<Tables, 'dueEffects' | 'queuedEffects'>;
  readonly #claims = new Map<number, Claim>();

  constructor(tables: Pick<Tables, 'dueEffects' | 'queuedEffects'>) {
    this.#tables = tables;
  }

  async claim(
    kind: QueuedKind | null,
    { worker, until }: Lease,
    now: Instant,
    limit: number,
  ): Promise<WaitingEffect[]> {
    let before = 0;
    for (const [id, claim] of this.#claims) {
      if (isOver(claim, now)) this.#claims.delete(id);
      else if (claim.kind === kind) before += 1;
    }
    const most = Math.min(limit, claimedMax - this.#claims.size);
    if (most < 1) return [];
    const { dueEffects, queuedEffects } = this.#tables;
    const due = kind === null ? dueEffects(now, most + before) : queuedEffects(kind, now, most + before);
    const free = due.filter(({ id }) => !this.#claims.has(id)).slice(0, most);
    for (const { id } of free) this.#claims.set(id, { worker, until, kind });
    return free;
  }

  async release(worker: string, ids: readonly number[]): Promise<void> {
    for (const id of ids) if (this.#claims.get(id)?.worker === worker) this.#claims.delete(id);
  }

  /** A committed unit has settled these, or put them off. */
  ended(ids: readonly number[]): void {
    for (const id of ids) this.#claims.delete(id);
  }
}
