// The sessions that outlive their connection, whatever is stored of them: how many a principal may have, how long one is kept that
// nobody comes back to, and the forgetting of them.
import { hasFormOf, outerIds, ownerAndClientOf, ownerOfSession } from '../../domain/client-id.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { StoredSessions } from '../../ports/mqtt-persistence.ts';
import type { MqttAbsences } from './absences.ts';
import type { MqttKept } from './kept.ts';

/** What stores something by client id. */
interface Part {
  clientIds(): string[];
  has(clientId: string): boolean;
  /** Part of a unit of work. */
  discard(clientId: string): void;
}

/** Sessions looked at in one unit of work, and those of one more principal. */
const lookedAt = 200;

export interface StoredSessionsOptions {
  readonly parts: readonly Part[];
  readonly absences: MqttAbsences;
  readonly kept: MqttKept;
  readonly perPrincipalMax: number;
  readonly isConnected: (clientId: string) => boolean;
  readonly submit: <T>(work: () => T) => Promise<T>;
  readonly failed: (error: unknown) => void;
}

export class MqttStoredSessions implements StoredSessions {
  readonly #options: StoredSessionsOptions;
  readonly #parts: readonly Part[];
  /** By principal; in each the one that came last is the last. */
  readonly #known = new Map<string, Set<string>>();

  constructor(options: StoredSessionsOptions) {
    this.#options = options;
    this.#parts = [...options.parts, options.kept];
  }

  /** Is a session of this client kept? */
  has(clientId: string): boolean {
    return this.#parts.some((part) => part.has(clientId));
  }

  load(): void {
    const { absences, kept } = this.#options;
    absences.load();
    kept.load();
    this.#known.clear();
    const ids = [...this.#parts.flatMap((part) => part.clientIds()), ...absences.clientIds()];
    const longestAwayFirst = [...new Set(ids)].sort((a, b) => absences.of(b) - absences.of(a));
    for (const clientId of longestAwayFirst) this.#note(clientId);
  }

  /** Reads anew what is kept of this session. */
  reread(clientId: string): void {
    const { absences, kept } = this.#options;
    absences.reread(clientId);
    kept.reread(clientId);
    const isKnown = this.#known.get(ownerOfSession(clientId))?.has(clientId) ?? false;
    if (!isKnown && (this.has(clientId) || absences.has(clientId))) this.#note(clientId);
  }

  /** A client that wants its session kept has come. Beyond the limit the one of its principal longest away is forgotten. */
  came(clientId: string): void {
    const { absences, kept, perPrincipalMax, isConnected, submit, failed } = this.#options;
    const known = this.#note(clientId);
    if (known.size <= perPrincipalMax && !absences.has(clientId) && kept.has(clientId)) return;
    submit(() => {
      kept.add(clientId);
      absences.discard(clientId);
      const away = [...known].filter((each) => each !== clientId && !isConnected(each));
      for (const each of away.slice(0, Math.max(0, known.size - perPrincipalMax))) this.#discard(each);
    }).catch(failed);
  }

  /** Removes all that is stored of the client. Its connection is to be closed first. */
  forget(clientId: string): Promise<void> {
    return this.#options.submit(() => this.#discard(clientId));
  }

  /** Removes all that is stored of a principal's sessions. */
  forgetPrincipal(principalId: string): Promise<void> {
    return this.#options.submit(() => {
      for (const clientId of this.#known.get(principalId) ?? []) this.#discard(clientId);
    });
  }

  /** Removes what is stored of others' client ids that are this principal's since it is in the inventory: nobody can come back to it. */
  forgetClaimed(principalId: PrincipalId): Promise<void> {
    const named = outerIds(principalId).flatMap((outer) => [...(this.#known.get(outer) ?? [])]);
    const claimed = named.filter((name) => hasFormOf(principalId, ownerAndClientOf(name).clientId));
    if (claimed.length === 0) return Promise.resolve();
    return this.#options.submit(() => {
      for (const name of claimed) this.#discard(name);
    });
  }

  /**
   * Counts `ms` more for each session that was away at the last call and still is, and forgets those that have been away for `mostMs`.
   * A few are looked at in one unit of work, and others have their turn between two; ends early when `signal` aborts.
   * @returns the client ids of each unit: a million that are over together are told of a few at a time.
   */
  async *forgetAbsent(ms: number, mostMs: number, signal?: AbortSignal): AsyncGenerator<readonly string[]> {
    const { isConnected, submit } = this.#options;
    let batch: string[] = [];
    const look = (): Promise<string[]> => {
      const looked = batch;
      batch = [];
      return submit(() => looked.filter((id) => !isConnected(id) && this.#isOver(id, ms, mostMs)));
    };
    for (const clientIds of this.#known.values()) {
      for (const clientId of clientIds) if (!isConnected(clientId)) batch.push(clientId);
      if (batch.length < lookedAt) continue;
      yield await look();
      if (signal?.aborted) return;
    }
    if (batch.length > 0) yield await look();
  }

  /** Part of a unit of work. @returns whether the session was kept until now, and is forgotten. */
  #isOver(clientId: string, ms: number, mostMs: number): boolean {
    const isKept = this.has(clientId);
    if (isKept && this.#options.absences.extend(clientId, ms) < mostMs) return false;
    this.#discard(clientId);
    return isKept;
  }

  #note(clientId: string): Set<string> {
    const principal = ownerOfSession(clientId);
    const known = this.#known.get(principal) ?? new Set();
    known.delete(clientId);
    this.#known.set(principal, known.add(clientId));
    return known;
  }

  #discard(clientId: string): void {
    const { absences } = this.#options;
    for (const part of this.#parts) part.discard(clientId);
    absences.discard(clientId);
    const principal = ownerOfSession(clientId);
    const known = this.#known.get(principal);
    known?.delete(clientId);
    if (known?.size === 0) this.#known.delete(principal);
  }
}
