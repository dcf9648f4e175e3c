// Keeps what renewals are refused, so that people learn why one does not move. A device that goes on asking costs a write a minute:
// what comes meanwhile is counted in memory, and written with the next or at the next beat.
import type { EnrollmentCode } from '../../domain/errors.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { type Refused, refusedAgain } from '../../domain/refusal.ts';
import { isOpen } from '../../domain/renewal.ts';
import type { Instant } from '../../domain/time.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';

/** What one who asks was refused under one renewal is written this often; another code or detail at once, a few times in that. */
const writtenEveryMs = 60_000;
const writesAtOnce = 4;
/** Renewals and askers remembered; of those forgotten the next refusal is written at once. */
const notesMax = 20_000;

/** Characters of a refusal's words that are kept. */
const detailMax = 200;

/** Whose renewal is refused something, through which gateway if not on its own connection; without a renewal, the one that is open. */
export interface Asking {
  readonly id: PrincipalId;
  readonly via: PrincipalId | null;
  readonly renewal?: string;
}

/** Who was refused what. */
export interface Refusing extends Asking {
  readonly code: EnrollmentCode;
  readonly detail: string;
}

interface Note {
  readonly renewalId: string;
  readonly via: PrincipalId | null;
  /** Not written yet; null: all is. */
  pending: Refused | null;
  written: Pick<Refused, 'code' | 'detail'>;
  writtenAt: Instant;
  writes: number;
}

export class Refusals {
  readonly #app: Changing;
  /** The one noted longest ago first. */
  readonly #notes = new Map<string, Note>();

  constructor(app: Changing) {
    this.#app = app;
  }

  /** Notes one refusal under the renewal that was named, or under the one that is open where it names none of its own that is. */
  async note({ id, via, renewal, code, detail: said }: Refusing): Promise<void> {
    const detail = said.slice(0, detailMax);
    const renewalId = await openRenewal(this.#app, id, renewal);
    if (renewalId === null) return;
    const now = this.#app.clock.now();
    const key = `${renewalId} ${via ?? ''}`;
    const known = this.#notes.get(key);
    const refused: Refused = { code, detail, times: 1, firstAt: now, lastAt: now };
    const note: Note = known ?? { renewalId, via, pending: null, written: refused, writtenAt: 0, writes: 0 };
    this.#notes.delete(key);
    this.#notes.set(key, note);
    const { pending } = note;
    const isSame = pending?.code === code && pending.detail === detail;
    note.pending = pending && isSame ? { ...pending, times: pending.times + 1, lastAt: now } : refused;
    if (isDue(note, now)) await this.#write(note, now);
    await this.#forgetOldest();
  }

  /** Writes what was counted since it was last written; of all renewals, or of one. */
  async flush(renewalId?: string): Promise<void> {
    const now = this.#app.clock.now();
    for (const [key, note] of this.#notes) {
      if (renewalId !== undefined && note.renewalId !== renewalId) continue;
      const isOld = Math.abs(now - note.writtenAt) >= writtenEveryMs;
      if (note.pending && (isOld || renewalId !== undefined)) await this.#write(note, now);
      else if (!note.pending && isOld) this.#notes.delete(key);
    }
  }

  async #write(note: Note, now: Instant): Promise<void> {
    const { pending } = note;
    if (!pending) return;
    note.writes = Math.abs(now - note.writtenAt) >= writtenEveryMs ? 1 : note.writes + 1;
    note.pending = null;
    note.written = pending;
    note.writtenAt = now;
    await change(this.#app, async ({ tx }) => {
      const renewal = await tx.renewal(note.renewalId);
      if (!renewal || !isOpen(renewal)) return;
      const known = (await tx.refusalsOf(note.renewalId)).find(({ via }) => via === note.via) ?? null;
      await tx.putRefusal(refusedAgain(note.renewalId, note.via, known, pending));
      // Its alert says what is refused.
      if (known?.code !== pending.code || known.overAt !== null) await tx.putWatch(renewal.principalId, 0);
    });
  }

  async #forgetOldest(): Promise<void> {
    if (this.#notes.size <= notesMax) return;
    const [oldest] = this.#notes;
    if (!oldest) return;
    this.#notes.delete(oldest[0]);
    await this.#write(oldest[1], this.#app.clock.now());
  }
}

function isDue({ pending, written, writtenAt, writes }: Note, now: Instant): boolean {
  if (!pending || Math.abs(now - writtenAt) >= writtenEveryMs) return true;
  const isSame = pending.code === written.code && pending.detail === written.detail;
  return !isSame && writes < writesAtOnce;
}

/** Its renewal that is named, if that is open; else its current one, if that is. */
async function openRenewal(
  app: Pick<Context, 'store'>,
  id: PrincipalId,
  named: string | undefined,
): Promise<string | null> {
  const { read } = app.store;
  const renewal = named === undefined ? null : await read.renewal(named);
  if (renewal?.principalId === id && isOpen(renewal)) return renewal.id;
  const current = await read.currentRenewal(id);
  return current && isOpen(current) ? current.id : null;
}

export interface WithRefusals {
  readonly refusals: Refusals;
}
