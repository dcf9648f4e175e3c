// Who said hello and has not been answered, because nobody listened yet: the answer comes when the speaker subscribes. Kept in memory and
// for a while only; what is owed is in the ledger, and comes by itself.
import type { PrincipalId } from '../../domain/principal.ts';

/** The slowest link needs seconds from its hello to its SUBSCRIBE. */
const keptMs = 600_000;
/** Devices of one speaker that are remembered; more than one only where it is a site gateway. */
const devicesMax = 1_024;
const speakersMax = 100_000;
/** A hello and a SUBSCRIBE of the same visit follow each other within this. */
const crossingMs = 1_000;

export class Asked {
  /** By speaker, by whom it spoke for: when. The one that spoke longest ago first. */
  readonly #speakers = new Map<PrincipalId, Map<PrincipalId, number>>();
  /** The same by session: what another session of its speaker took, this one has not heard. */
  readonly #sessions = new WeakMap<object, Map<PrincipalId, number>>();
  readonly #done = new WeakMap<object, { readonly renewal: string; readonly at: number }>();

  /** This session of `speaker` said hello for this principal, which may be the speaker. @param now on a clock that only goes forward. */
  note(session: object, speaker: PrincipalId, id: PrincipalId, now: number): void {
    const devices = this.#speakers.get(speaker) ?? new Map<PrincipalId, number>();
    this.#speakers.delete(speaker);
    this.#speakers.set(speaker, devices);
    noteLast(devices, id, now);
    forgetFirst(this.#speakers, speakersMax);
    const own = this.#sessions.get(session) ?? new Map<PrincipalId, number>();
    this.#sessions.set(session, own);
    noteLast(own, id, now);
  }

  /** It was answered: some session of the speaker heard it. What a session asked itself is kept until that one has heard the answer. */
  forget(speaker: PrincipalId, id: PrincipalId): void {
    const devices = this.#speakers.get(speaker);
    devices?.delete(id);
    if (devices?.size === 0) this.#speakers.delete(speaker);
  }

  /** This session heard the answer. */
  forgetOf(session: object, id: PrincipalId): void {
    this.#sessions.get(session)?.delete(id);
  }

  /** The session was told that this renewal is done. */
  noteDone(session: object, renewal: string, now: number): void {
    this.#done.set(session, { renewal, at: now });
  }

  /** Was it just told so? Then what it says now has only crossed it. */
  wasToldDone(session: object, renewal: string, now: number): boolean {
    const last = this.#done.get(session);
    return last?.renewal === renewal && now < last.at + crossingMs;
  }

  /** For whom this session waits to be answered, or any of its speaker's that nobody has answered yet. */
  of(session: object, speaker: PrincipalId, now: number): PrincipalId[] {
    const waiting = [...(this.#speakers.get(speaker) ?? [])];
    const own = [...(this.#sessions.get(session) ?? [])];
    for (const [id, at] of waiting) if (at + keptMs <= now) this.forget(speaker, id);
    for (const [id, at] of own) if (at + keptMs <= now) this.forgetOf(session, id);
    return [...new Set([...waiting, ...own].filter(([, at]) => at + keptMs > now).map(([id]) => id))];
  }
}

function noteLast(devices: Map<PrincipalId, number>, id: PrincipalId, now: number): void {
  devices.delete(id);
  devices.set(id, now);
  forgetFirst(devices, devicesMax);
}

function forgetFirst(map: Map<PrincipalId, unknown>, max: number): void {
  const first = map.size > max ? map.keys().next() : null;
  if (first && !first.done) map.delete(first.value);
}

export interface WithAsked {
  readonly asked: Asked;
}
