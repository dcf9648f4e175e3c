// The live sessions, kept by client object: who they belong to, when they must end, and the ending of them. aedes's own
// list is keyed by client id and forgets the wrong one when two share it, so nothing is enforced from there.
import type { TLSSocket } from 'node:tls';
import type { Entrance, Session } from '../app/session.ts';
import type { Fingerprint } from '../domain/certificate.ts';
import { claimants, hasFormOf, outerIds } from '../domain/client-id.ts';
import type { SessionEnd } from '../domain/disconnection.ts';
import { type PrincipalId, reservedId } from '../domain/principal.ts';
import type { Clock } from '../ports/clock.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import type { BrokerClient } from './aedes-internals.ts';
import type { Budget } from './budget.ts';
import { Budgets } from './budgets.ts';
import { type Deadlined, DeadlineHeap } from './deadline-heap.ts';
import type { LoopTurns } from './loop-turns.ts';
import { notAfterOf } from './peer-certificate.ts';
import { gatesOf, type SessionGates } from './session-gates.ts';
import { addTo, removeFrom } from './sets-by-key.ts';

/** A session from the moment it was admitted until its connection has ended. */
export interface LiveSession extends Deadlined, SessionGates {
  readonly client: BrokerClient;
  readonly socket: TLSSocket;
  readonly session: Session;
  /** The name under which aedes and the persistence know it. */
  readonly brokerClientId: string;
  /** Its client id for logs; that of a renew-only session has the prefix its name has. */
  readonly shownClientId: string;
  /** What its principal may cause in a turn, in all of its sessions. */
  readonly budget: Budget;
  /** Filters granted to it. */
  readonly filters: Set<string>;
  /** How often it asked for a filter and did not get it. */
  filtersRefused: number;
  /** CONNACK sent: it can be spoken to. */
  ready: boolean;
  /** Why it is being ended; null while it is not. */
  ending: string | null;
}

/** Stands for an admission in progress: what was revoked meanwhile is remembered until it has been settled. */
export interface PendingAdmission {
  readonly since: number;
}

export class SessionRegistry {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #decisions: DecisionLog;
  readonly #entrance: Pick<Entrance, 'hears' | 'carries' | 'came' | 'left'>;
  readonly #perPrincipalMax: number;
  readonly budgets: Budgets;
  readonly #facts = new WeakMap<object, LiveSession>();
  readonly #byFingerprint = new Map<Fingerprint, Set<LiveSession>>();
  readonly #byPrincipal = new Map<PrincipalId, Set<LiveSession>>();
  readonly #byClientId = new Map<string, LiveSession>();
  readonly #live = new Set<LiveSession>();
  readonly #deadlines = new DeadlineHeap<LiveSession>();
  readonly #ending = new Set<LiveSession>();
  readonly #pending = new Set<PendingAdmission>();
  readonly #endedMeanwhile = new Map<string, { at: number; reason: string }>();
  #sequence = 0;
  #brokerCloses = false;
  /** The time when it was last asked for. */
  #lastNow = Number.NEGATIVE_INFINITY;

  constructor(
    clock: Pick<Clock, 'now'>,
    decisions: DecisionLog,
    entrance: Pick<Entrance, 'hears' | 'carries' | 'came' | 'left'>,
    perPrincipalMax: number,
    turns: LoopTurns,
  ) {
    this.#perPrincipalMax = perPrincipalMax;
    this.budgets = new Budgets(turns, (id) => this.#byPrincipal.has(id as PrincipalId));
    this.#clock = clock;
    this.#decisions = decisions;
    this.#entrance = entrance;
  }

  get size(): number {
    return this.#live.size;
  }

  /** How many of them are so. Walks them all: for a scrape, not for a connect. */
  count(isSo: (live: LiveSession) => boolean): number {
    let count = 0;
    for (const live of this.#live.values()) if (isSo(live)) count += 1;
    return count;
  }

  /** The session of a client, also after it closed: its will is judged then. */
  of(client: object): LiveSession | undefined {
    return this.#facts.get(client);
  }

  /** The newest session that goes by this client id. */
  byClientId(clientId: string): LiveSession | undefined {
    return this.#byClientId.get(clientId);
  }

  ofPrincipal(id: PrincipalId): readonly LiveSession[] {
    return [...(this.#byPrincipal.get(id) ?? [])];
  }

  /** The broker is closing: every session ends with it, and one line for each would say nothing more. */
  endWithBroker(): void {
    this.#brokerCloses = true;
    for (const live of this.#live) live.ending ??= 'broker_closed';
  }

  begin(): PendingAdmission {
    const pending = { since: this.#sequence };
    this.#pending.add(pending);
    return pending;
  }

  /** An admission ended without a session. */
  abandon(pending: PendingAdmission): void {
    this.#pending.delete(pending);
    if (this.#pending.size === 0) this.#endedMeanwhile.clear();
  }

  /** Takes an admitted session in. Null with the reason told: its end came, or it was revoked, while it was being admitted. */
  admit(
    pending: PendingAdmission,
    client: BrokerClient,
    socket: TLSSocket,
    session: Session,
    brokerClientId: string,
  ): LiveSession | null {
    const live: LiveSession = {
      client,
      socket,
      session,
      brokerClientId,
      shownClientId: session.lane === 'full' ? session.clientId : `${reservedId}:${session.clientId}`,
      ...gatesOf(session, this.#entrance),
      budget: this.budgets.of(session.principal.id),
      filters: new Set(),
      filtersRefused: 0,
      deadline: session.endsAt,
      heapIndex: -1,
      ready: false,
      ending: null,
    };
    const revoked = this.#revokedSince(pending, session);
    this.abandon(pending);
    const now = this.#clock.now();
    this.#lastNow = Math.max(this.#lastNow, now);
    if (revoked !== null || session.endsAt <= now) {
      this.#tellEnd(live, revoked ?? endOf(live));
      return null;
    }
    this.#facts.set(client, live);
    this.#live.add(live);
    addTo(this.#byFingerprint, session.fingerprint, live);
    addTo(this.#byPrincipal, session.principal.id, live);
    this.#byClientId.set(brokerClientId, live);
    this.#deadlines.add(live);
    this.#makeRoom(live);
    this.#entrance.came(session);
    return live;
  }

  /** The client's connection has ended. Its socket may linger for a moment. @returns whether that was new. */
  drop(client: object, end: SessionEnd): boolean {
    const live = this.#facts.get(client);
    if (!live || !this.#live.delete(live)) return false;
    removeFrom(this.#byFingerprint, live.session.fingerprint, live);
    removeFrom(this.#byPrincipal, live.session.principal.id, live);
    this.budgets.left(live.session.principal.id);
    this.#deadlines.remove(live);
    this.#ending.delete(live);
    if (this.#byClientId.get(live.brokerClientId) === live) this.#succeed(live);
    if (!this.#brokerCloses) this.#entrance.left(live.session, end);
    return true;
  }

  endByFingerprint(fingerprint: Fingerprint, reason: string): number {
    return this.#endAll(fingerprint, this.#byFingerprint.get(fingerprint), reason);
  }

  endByPrincipal(id: PrincipalId, reason: string): number {
    return this.#endAll(`principal/${id}`, this.#byPrincipal.get(id), reason);
  }

  /** Ends the sessions of a principal that a bootstrap anchor let in. */
  endIntroduced(id: PrincipalId, reason: string): number {
    const introduced = this.ofPrincipal(id).filter(({ session }) => session.introduced);
    return this.#endAll(`introduced/${id}`, introduced, reason);
  }

  /** Ends the sessions of others whose client ids are this principal's from now on: it is new in the inventory, and its id the longer one. */
  endClaimed(id: PrincipalId, reason: string): number {
    const others = outerIds(id).flatMap((outer) => this.ofPrincipal(outer));
    const claimed = others.filter(({ session }) => hasFormOf(id, session.clientId));
    return this.#endAll(`claimed/${id}`, claimed, reason);
  }

  end(live: LiveSession, reason: string): void {
    if (live.ending !== null) return;
    live.ending = reason;
    this.#tellEnd(live, reason);
    // Its connection may have ended by itself, for the same reason.
    if (!this.#live.has(live)) return;
    this.#deadlines.remove(live);
    this.#ending.add(live);
    live.client.close();
  }

  /** Ends the sessions whose time has come, and cuts those that were ended before and are still open. */
  sweep(): void {
    for (const live of this.#ending) live.client.conn.destroy();
    const now = this.#clock.now();
    for (let live = this.#deadlines.takeDue(now); live; live = this.#deadlines.takeDue(now))
      this.end(live, endOf(live));
    if (now < this.#lastNow) this.#endEarlyLanes(now);
    this.#lastNow = now;
    this.budgets.sweep();
  }

  /** The clock was set back: who came in as expired and is not may come again, and have more than the lane. */
  #endEarlyLanes(now: number): void {
    for (const live of this.#live) {
      const { lane, introduced } = live.session;
      if (lane === 'renew-only' && !introduced && (notAfterOf(live.socket) ?? now) > now) this.end(live, 'clock_moved');
    }
  }

  /**
   * Beyond the limit the session that has lasted longest ends: the device may long have lost it, and must not be kept out by it. Who
   * was only introduced ends nobody else's, and what has the same client id is displaced anyway.
   */
  #makeRoom({ session, brokerClientId }: LiveSession): void {
    const others = this.ofPrincipal(session.principal.id).filter(
      (live) =>
        live.ending === null &&
        live.brokerClientId !== brokerClientId &&
        live.session.introduced === session.introduced,
    );
    const tooMany = others.length + 1 - this.#perPrincipalMax;
    for (const live of others.slice(0, Math.max(0, tooMany))) this.end(live, 'sessions_max');
  }

  /** The newest with its client id has gone; one it failed to displace may still be there. */
  #succeed(live: LiveSession): void {
    this.#byClientId.delete(live.brokerClientId);
    for (const other of this.#byPrincipal.get(live.session.principal.id) ?? []) {
      if (other.brokerClientId === live.brokerClientId) this.#byClientId.set(live.brokerClientId, other);
    }
  }

  #endAll(key: string, lives: Iterable<LiveSession> | undefined, reason: string): number {
    this.#sequence += 1;
    if (this.#pending.size > 0) this.#endedMeanwhile.set(key, { at: this.#sequence, reason });
    const open = [...(lives ?? [])].filter((live) => live.ending === null);
    for (const live of open) this.end(live, reason);
    return open.length;
  }

  #revokedSince(pending: PendingAdmission, session: Session): string | null {
    if (this.#endedMeanwhile.size === 0) return null;
    const { fingerprint, introduced, principal, clientId } = session;
    const keys = [
      fingerprint,
      `principal/${principal.id}`,
      ...(introduced ? [`introduced/${principal.id}`] : []),
      ...claimants(principal.id, clientId).map((id) => `claimed/${id}`),
    ];
    for (const key of keys) {
      const ended = this.#endedMeanwhile.get(key);
      if (ended && ended.at > pending.since) return ended.reason;
    }
    return null;
  }

  #tellEnd(live: LiveSession, reason: string): void {
    this.#decisions.tell({
      action: 'session.ended',
      reason,
      message: `${live.session.principal.id}: session ended: ${reason}`,
      fields: {
        'nolapse.principal': live.session.principal.id,
        'nolapse.client_id': live.shownClientId,
        'nolapse.lane': live.session.lane,
        'tls.client.hash.sha256': live.session.fingerprint,
      },
    });
  }
}

/** Which end it was that came: the certificate's own, or that of an overlap that ends before it. */
function endOf(live: LiveSession): string {
  const notAfter = notAfterOf(live.socket);
  return notAfter !== null && live.deadline < notAfter ? 'overlap_ended' : 'certificate_expired';
}
