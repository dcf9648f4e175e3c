// Who is here, and how rarely everybody comes: gathered in memory from sessions and from what gateways bring, and written together.
// A return from an absence is written at once, because a device that comes rarely is gone in seconds and has to be renewed in them.
//
// A crash loses nothing that was counted: whoever was here then counts as having left when the broker was last known to be alive,
// half a minute or one sweep before; and what lies between that and the next start is nobody's absence.
import { gapsOf } from '../../domain/presence.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import { type Absence, afterComing, afterLeaving, endsGap, type Visits } from '../../domain/visits.ts';
import { type Change, change } from '../change.ts';
import type { Context } from '../context.ts';
import { type DueContext, planWithin } from '../renewal/due.ts';
import type { WithTurns } from '../turns.ts';
import { OwnAbsences } from './own-absences.ts';

type PresencesContext = DueContext & WithTurns;

/** Principals written in one transaction, and for how long: beyond the first few it ends when the time is up. */
const batchMax = 200;
const batchLeast = 8;
const batchMs = 10;
/** Comings and leavings of one principal that wait to be written; more only gather while the store fails. */
const notesMax = 64;

interface Note {
  readonly what: 'came' | 'left';
  readonly at: Instant;
  /** The renewal under which it answered, where that was how it was heard. */
  readonly answers: string | null;
}

export class Presences {
  readonly #app: PresencesContext;
  /** Sessions open, by principal. */
  readonly #here = new Map<PrincipalId, number>();
  readonly #noted = new Map<PrincipalId, Note[]>();
  readonly #welcomed = new Set<Promise<void>>();
  /** What is being written of whom: taken from what is noted, and put back where it was not written. */
  readonly #writing = new Map<PrincipalId, Promise<unknown>>();
  readonly #own: OwnAbsences;

  constructor(app: PresencesContext) {
    this.#app = app;
    this.#own = new OwnAbsences(app);
  }

  /** The broker begins to serve. */
  begin(): Promise<void> {
    return this.#own.begin();
  }

  /** The broker has stopped serving: whoever is here now leaves with it, which the time of its end says for all of them. */
  async end(): Promise<void> {
    this.#here.clear();
    await Promise.all(this.#welcomed);
    await Promise.allSettled(this.#writing.values());
    await this.#writeNotes();
    await this.#own.keepAlive(true);
  }

  isHere(id: PrincipalId): boolean {
    return this.#here.has(id);
  }

  /** When nobody could come; on a home at rest, the time since it was put to rest among it. */
  absences(): Promise<readonly Absence[]> {
    return this.#own.list();
  }

  /** One more session of this principal is open. */
  came(id: PrincipalId): void {
    const sessions = this.#here.get(id) ?? 0;
    this.#here.set(id, sessions + 1);
    if (sessions > 0) return;
    if (this.#note(id, { what: 'came', at: this.#own.now(), answers: null })) this.#welcome(id);
  }

  /** One less is. */
  left(id: PrincipalId): void {
    const sessions = this.#here.get(id) ?? 0;
    if (sessions > 1) this.#here.set(id, sessions - 1);
    if (sessions !== 1) return;
    this.#here.delete(id);
    this.#note(id, { what: 'left', at: this.#own.now(), answers: null });
  }

  /**
   * A device without a session was heard through its gateway: a visit, and over at once. `answers`: the renewal it spoke about;
   * how long it had been silent before it was called then says nothing of how rarely it can be reached.
   */
  heard(id: PrincipalId, answers: string | null): void {
    if (this.isHere(id)) return;
    const at = this.#own.now();
    this.#note(id, { what: 'came', at, answers });
    this.#note(id, { what: 'left', at, answers });
    this.#welcome(id);
  }

  /** Writes what was noted since the last time. */
  async flush(): Promise<void> {
    await this.#own.keepAlive(this.#noted.size > 0);
    await this.#writeNotes();
  }

  /** @returns whether there is more to write than before. */
  #note(id: PrincipalId, note: Note): boolean {
    const notes = this.#noted.get(id) ?? [];
    this.#noted.set(id, notes);
    const last = notes.at(-1);
    if (last?.what === note.what) return false;
    if (note.what === 'came' && last?.what === 'left' && !isGap(last, note)) {
      notes.pop();
      return false;
    }
    notes.push(note);
    // One gap less is counted, and none that was none.
    if (notes.length > notesMax) notes.splice(notes[0]?.what === 'left' ? 0 : 1, 2);
    return true;
  }

  /** Writes at once that a device has come back, if it was away. */
  #welcome(id: PrincipalId): void {
    const welcomed = this.#writeReturn(id)
      .catch((error: unknown) => tellFailure(this.#app, id, error))
      .finally(() => this.#welcomed.delete(welcomed));
    this.#welcomed.add(welcomed);
  }

  async #writeReturn(id: PrincipalId): Promise<void> {
    const { turns, store } = this.#app;
    await turns.take();
    await this.#writing.get(id)?.catch(() => undefined);
    const known = await store.read.presence(id);
    const came = this.#noted.get(id)?.find(({ what }) => what === 'came');
    if (known && came && endsGap(known, this.#own.known, came.at)) await this.#write([id]);
  }

  async #writeNotes(): Promise<void> {
    const ids = [...this.#noted.keys()];
    for (let from = 0; from < ids.length; ) from += await this.#write(ids.slice(from, from + batchMax));
  }

  /** @returns how many of them it has come to. Of whom something is being written already, nothing is: the next flush writes the rest. */
  async #write(ids: readonly PrincipalId[]): Promise<number> {
    const taken = this.#take(ids);
    if (taken.size === 0) return ids.length;
    const written = change(this.#app, (within) => writeSome(within, taken, this.#own.known));
    for (const id of taken.keys()) this.#writing.set(id, written);
    let count = 0;
    try {
      count = await written;
    } finally {
      const all = [...taken];
      for (const [id] of all) this.#writing.delete(id);
      for (const [id, notes] of all.slice(count)) this.#noted.set(id, [...notes, ...(this.#noted.get(id) ?? [])]);
    }
    const last = [...taken.keys()][count - 1];
    return count === taken.size || last === undefined ? ids.length : ids.indexOf(last) + 1;
  }

  /** Nobody else writes what is taken here, so that nothing is counted twice and what came first is written first. */
  #take(ids: readonly PrincipalId[]): Map<PrincipalId, readonly Note[]> {
    const taken = new Map<PrincipalId, readonly Note[]>();
    for (const id of ids) {
      const notes = this.#noted.get(id);
      if (!notes || this.#writing.has(id)) continue;
      this.#noted.delete(id);
      taken.set(id, notes);
    }
    return taken;
  }
}

/** Writes the first few, and as many more as there is time for. @returns how many. */
async function writeSome(
  within: Change<PresencesContext>,
  taken: ReadonlyMap<PrincipalId, readonly Note[]>,
  absences: readonly Absence[],
): Promise<number> {
  const { clock } = within.app;
  const until = clock.steady() + batchMs;
  let written = 0;
  for (const [id, notes] of taken) {
    if (written >= batchLeast && clock.steady() >= until) break;
    await writeVisits(within, id, notes, absences);
    written += 1;
  }
  return written;
}

function isGap(left: Note, came: Note): boolean {
  return endsGap({ gaps: new Uint8Array(), cameAt: left.at, leftAt: left.at }, [], came.at);
}

async function writeVisits(
  within: Change<PresencesContext>,
  id: PrincipalId,
  notes: readonly Note[],
  absences: readonly Absence[],
): Promise<void> {
  const { tx } = within;
  const known = await tx.presence(id);
  let visits: Visits | null = known;
  for (const note of notes) {
    visits =
      note.what === 'left'
        ? afterLeaving(visits, note.at)
        : afterComing(visits, absences, note.at, await calledMs(within, id, note));
  }
  if (!visits) return;
  const { gaps, cameAt, leftAt } = visits;
  await tx.putPresence({ principalId: id, gaps, cameAt, leftAt });
  const [before, after] = [gapsOf(known?.gaps ?? new Uint8Array()), gapsOf(gaps)];
  const isSame = before.plannedMs === after.plannedMs && before.longestMs === after.longestMs;
  if (!isSame) await planWithin(within, id, gaps);
  // It could have come with what it has installed: now, and not at the end of its sleep, is the time to look whether it did.
  if (cameAt !== known?.cameAt && (await hasInstalled(within, id))) await tx.putWatch(id, 0);
}

async function hasInstalled({ tx }: Change, id: PrincipalId): Promise<boolean> {
  return (await tx.unendedRenewals(id)).some(({ state }) => state === 'installed');
}

/** How long ago the device was called that this answers; undefined where it came unasked. */
async function calledMs({ tx }: Change, id: PrincipalId, { at, answers }: Note): Promise<number | undefined> {
  const renewal = answers === null ? null : await tx.renewal(answers);
  return renewal?.principalId === id ? Math.max(0, at - renewal.createdAt) : undefined;
}

function tellFailure(app: Pick<Context, 'decisions'>, id: PrincipalId, error: unknown): void {
  app.decisions.tell({
    action: 'effect.failed',
    level: 'error',
    message: `${id}: could not record that it came back; the next sweep tries again`,
    fields: { 'nolapse.principal': id, 'error.message': error instanceof Error ? error.message : String(error) },
  });
}
