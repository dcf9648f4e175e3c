// When certificates and principals were last seen, gathered in memory and written together: a connect need not wait for it,
// and a crash costs only the last moments of it.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { Context } from '../context.ts';

export class Seen {
  readonly #store: Pick<Context['store'], 'transact'>;
  #certificates = new Map<Fingerprint, { id: PrincipalId; at: Instant }>();

  constructor({ store }: Pick<Context, 'store'>) {
    this.#store = store;
  }

  note(fingerprint: Fingerprint, id: PrincipalId, at: Instant): void {
    this.#certificates.set(fingerprint, { id, at });
  }

  /** Writes what was noted since the last time. */
  async flush(): Promise<void> {
    if (this.#certificates.size === 0) return;
    const noted = this.#certificates;
    this.#certificates = new Map();
    await this.#store.transact(async (tx) => {
      for (const [fingerprint, { id, at }] of noted) await tx.noteSeen(fingerprint, id, at);
    });
  }
}
