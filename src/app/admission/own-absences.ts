// When the broker itself could not be reached, and what time its clock has skipped: kept with the time at which it was last known to
// be alive, so that the next run knows when this one ended, however it ended.
import type { Instant } from '../../domain/time.ts';
import { type Absence, untilNow, withAbsence } from '../../domain/visits.ts';
import type { Reader } from '../../ports/store.ts';
import { ClockWatch } from '../clock-watch.ts';
import type { Context } from '../context.ts';

/** How often it is noted that the broker is alive, at least. */
const aliveMs = 30_000;

/** What the broker remembers of itself, by the name of the setting. */
const aliveSetting = 'gateway.alive';
const absencesSetting = 'gateway.absences';
/** Since when it is noted who comes and goes. */
const trackingSetting = 'gateway.tracking';

export class OwnAbsences {
  readonly #app: Pick<Context, 'store' | 'clock'>;
  #list: readonly Absence[] = [];
  /** As they were last written. */
  #kept: readonly Absence[] | null = null;
  #watch: ClockWatch | null = null;
  /** When that it is alive was last noted, by the clock that only goes forward. */
  #aliveAt = Number.NEGATIVE_INFINITY;

  constructor(app: Pick<Context, 'store' | 'clock'>) {
    this.#app = app;
  }

  /** The broker begins to serve: what lies between the end of its last run and now was its own absence. */
  async begin(): Promise<void> {
    const app = this.#app;
    this.#list = await readAbsences(app.store.read, app.clock.now());
    this.#watch = new ClockWatch(app.clock);
    await beginTracking(app);
    await this.keepAlive(true);
  }

  /** In order of time. On a home at rest, the time since it was put to rest is the last of them. */
  async list(): Promise<readonly Absence[]> {
    const { store, clock } = this.#app;
    return this.#watch ? this.#list : readAbsences(store.read, clock.now());
  }

  /** As {@link list}, of a broker that has begun to serve. */
  get known(): readonly Absence[] {
    return this.#list;
  }

  /** The time, after a look at whether the clock was set: nobody was away for what it skipped. */
  now(): Instant {
    const now = this.#app.clock.now();
    const movedMs = this.#watch?.moved() ?? 0;
    if (movedMs > 0) this.#list = withAbsence(this.#list, { from: now - movedMs, to: now, stopped: false });
    if (movedMs < 0) this.#list = untilNow(this.#list, now);
    return now;
  }

  /** Notes that the broker is alive: when it is time for that, when there is more to note, or because something `happened`. */
  async keepAlive(happened: boolean): Promise<void> {
    const { store, clock } = this.#app;
    const now = this.now();
    const list = this.#list;
    const at = clock.steady();
    if (!this.#watch || !(happened || list !== this.#kept || at >= this.#aliveAt + aliveMs)) return;
    await store.transact(async (tx) => {
      await tx.putSetting(aliveSetting, String(now));
      if (list !== this.#kept) await tx.putSetting(absencesSetting, JSON.stringify(list));
    });
    this.#kept = list;
    this.#aliveAt = at;
  }
}

/** A home from before this was kept has noted them since it was last known to be alive, at the least. */
function beginTracking(app: Pick<Context, 'store' | 'clock'>): Promise<void> {
  return app.store.transact(async (tx) => {
    if ((await trackedSince(tx)) !== null) return;
    await tx.putSetting(trackingSetting, String((await lastAlive(tx)) ?? app.clock.now()));
  });
}

/** Since when it is noted who comes and goes; null: no broker has run on this home yet. */
export async function trackedSince(read: Reader): Promise<Instant | null> {
  const text = await read.setting(trackingSetting);
  return text === null ? null : Number(text);
}

/** When the broker was last known to be alive; null: never yet. */
export async function lastAlive(read: Reader): Promise<Instant | null> {
  const text = await read.setting(aliveSetting);
  return text === null ? null : Number(text);
}

/** Those kept, and the one that lasts until `now`. To a clock that was set back meanwhile that was none, and a stop all the same. */
async function readAbsences(read: Reader, now: Instant): Promise<readonly Absence[]> {
  const alive = await lastAlive(read);
  if (alive === null) return [];
  const kept = JSON.parse((await read.setting(absencesSetting)) ?? '[]') as readonly Absence[];
  return withAbsence(untilNow(kept, now), { from: Math.min(alive, now), to: now, stopped: true });
}
