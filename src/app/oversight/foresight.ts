// The fleet in figures: how it stands now, which the ledger tells at once, and who will be dark within the next weeks, which a walk tells that
// is made when somebody asks. A walk through a large fleet takes a while: until it has ended the figures of the one before are given, with
// their age.
import { type ForeseenDays, foreseenDays } from '../../domain/standing.ts';
import { dayMs, type Instant } from '../../domain/time.ts';
import type { StandingCounts, Unissued } from '../../ports/fleet.ts';
import type { WithChores } from '../chores.ts';
import type { Context } from '../context.ts';
import { pagesOf } from '../pages.ts';
import type { WithTurns } from '../turns.ts';
import type { FleetView, OwnerView } from '../views/fleet.ts';
import { countStandings } from './count-standings.ts';
import { type LookAheadContext, lookAhead } from './look-ahead.ts';

type ForesightContext = LookAheadContext & Pick<Context, 'clock'> & WithChores;

/** For how many times as long as it took a walk is not made again: it has a twentieth of the time at most. */
const restFactor = 20;
/** A walk that took less than this is made again for whoever wants to know it as it is now. */
const cheapMs = 1_000;
/** Owners told apart. */
const ownersMax = 1_000;
/** Rows of principals that never had a certificate, read before others have a turn. */
const pageMax = 1_000;

const walking = 'the look ahead';

type Counts = Record<ForeseenDays, number>;

interface Ahead {
  readonly at: Instant;
  readonly tookMs: number;
  /** Of the steady clock. */
  readonly endedAt: number;
  readonly darkWithin: Counts;
  readonly owners: readonly OwnerView[];
}

export class Foresight {
  readonly #app: ForesightContext;
  #ahead: Ahead | null = null;
  #standing: { readonly counts: StandingCounts; readonly endedAt: number; readonly tookMs: number } | null = null;
  #counting: Promise<StandingCounts> | null = null;

  constructor(app: ForesightContext) {
    this.#app = app;
  }

  /**
   * The figures as they are known by now.
   * @param patienceMs how long a walk is waited for that is under way, or begins because the last is too old.
   * @param options.fresh makes a new walk even if the last has just ended, where the fleet is small enough for that.
   */
  async view(patienceMs: number, options: { readonly fresh: boolean }): Promise<FleetView> {
    if (this.#mustWalk(options.fresh)) await this.#walk(patienceMs);
    const { dark, without, nearestEndAt } = await this.#standings();
    const now = this.#app.clock.now();
    const ahead = this.#ahead;
    return {
      now,
      dark,
      without,
      nearestEndAt,
      ahead: ahead && { ageMs: Math.max(0, now - ahead.at), darkWithin: ahead.darkWithin, owners: ahead.owners },
    };
  }

  #mustWalk(fresh: boolean): boolean {
    const ahead = this.#ahead;
    if (!ahead || (fresh && ahead.tookMs < cheapMs)) return true;
    return this.#app.clock.steady() >= ahead.endedAt + ahead.tookMs * restFactor;
  }

  /** What is dark in numbers costs as much to count: that has a twentieth of the time at most, too. Who asks meanwhile waits for the same. */
  #standings(): Promise<StandingCounts> {
    const known = this.#standing;
    const isRecent =
      known !== null && known.tookMs >= 1 && this.#app.clock.steady() < known.endedAt + known.tookMs * restFactor;
    if (isRecent) return Promise.resolve(known.counts);
    this.#counting ??= this.#count().finally(() => {
      this.#counting = null;
    });
    return this.#counting;
  }

  async #count(): Promise<StandingCounts> {
    const { clock } = this.#app;
    const from = clock.steady();
    const counts = await countStandings(this.#app);
    const endedAt = clock.steady();
    this.#standing = { counts, endedAt, tookMs: endedAt - from };
    return counts;
  }

  async #walk(patienceMs: number): Promise<void> {
    const { chores } = this.#app;
    const run = chores.begin(walking, (signal) => walk(this.#app, signal)) ?? chores.ended(walking);
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs);
    });
    const done = run.then((ahead) => {
      if (ahead) this.#ahead = ahead;
    });
    try {
      await Promise.race([done, patience]);
    } finally {
      clearTimeout(timer);
    }
    // Who does not wait for it does not hear what it fails with; whoever asks next begins another.
    done.catch(() => undefined);
  }
}

/** Null: it was ended early. */
async function walk(app: ForesightContext, signal: AbortSignal): Promise<Ahead | null> {
  const began = app.clock.steady();
  const now = app.clock.now();
  const absences = await app.presences.absences();
  const owners = new Owners();
  const all = counts();
  const until = now + Math.max(...foreseenDays) * dayMs;
  for await (const { horizon, dark } of lookAhead(app, { now, until, absences, signal, isMeant: () => true })) {
    const own = owners.of(horizon.principal.owner);
    const isDark = horizon.litUntil <= now;
    if (own && isDark) own.dark += 1;
    if (own && !isDark) own.nearestEndAt = Math.min(own.nearestEndAt ?? horizon.litUntil, horizon.litUntil);
    for (const days of foreseenDays) {
      if (!dark || dark.at > now + days * dayMs) continue;
      all[days] += 1;
      if (own) own.darkWithin[days] += 1;
    }
  }
  await countUnissued(app, owners, signal);
  if (signal.aborted) return null;
  const endedAt = app.clock.steady();
  return { at: now, endedAt, tookMs: endedAt - began, darkWithin: all, owners: owners.list() };
}

async function countUnissued(
  app: Pick<Context, 'store'> & WithTurns,
  owners: Owners,
  signal: AbortSignal,
): Promise<void> {
  const next = (last: Unissued | null) => app.store.read.unissued(last?.id ?? null, pageMax);
  for await (const page of pagesOf(pageMax, next)) {
    if (signal.aborted) return;
    for (const { owner } of page) {
      const own = owners.of(owner);
      if (own) own.without += 1;
    }
    await app.turns.take();
  }
}

const counts = (): Counts => ({ 7: 0, 30: 0, 90: 0 });

interface Own {
  dark: number;
  without: number;
  nearestEndAt: Instant | null;
  readonly darkWithin: Counts;
}

/** What is wrong by owner; beyond so many the rest is counted in the totals alone. */
class Owners {
  readonly #known = new Map<string, Own>();

  of(owner: string): Own | null {
    const known = this.#known.get(owner);
    if (known) return known;
    if (this.#known.size >= ownersMax) return null;
    const own: Own = { dark: 0, without: 0, nearestEndAt: null, darkWithin: counts() };
    this.#known.set(owner, own);
    return own;
  }

  list(): OwnerView[] {
    return [...this.#known].map(([owner, own]) => ({ owner, ...own })).sort((a, b) => b.dark - a.dark);
  }
}
