// What is dark or will be, whose it is and what to do about it: the first page an operator looks at. It is counted by the same walk as the
// forecast, and holds no more of the fleet than a page and the few that it names.
import type { DarkReason } from '../../domain/forecast.ts';
import { nextCommand } from '../../domain/next-command.ts';
import { type Criticality, criticalities, maySpeakForOthers } from '../../domain/principal.ts';
import { dayMs, type Instant } from '../../domain/time.ts';
import type { Absence } from '../../domain/visits.ts';
import type { JournalEntry } from '../../ports/journal.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import type { Check } from '../views/broker.ts';
import type { Concern, StatusChange, StatusGroup, StatusQuery, StatusView } from '../views/status.ts';
import { countWithout } from './count-standings.ts';
import { deviceOf } from './forecast.ts';
import { type Ahead, type LookAheadContext, lookAhead } from './look-ahead.ts';

type StatusContext = LookAheadContext & Pick<Context, 'clock'>;

const daysDefault = 30;
const daysMax = 3_650;
const concernsMax = 10;
const groupsMax = 1_000;
/** Lines of what was decided that are read, the newest first. */
const changesMax = 1_000;

/**
 * @param checks how the broker itself is.
 * @returns rejects with `invalid` for a number of days that cannot be looked ahead.
 */
export async function status(
  app: StatusContext,
  { days = daysDefault }: StatusQuery,
  checks: () => Promise<Check[]>,
): Promise<StatusView> {
  if (!Number.isInteger(days) || days < 1 || days > daysMax) {
    throw new OperationError('invalid', [`days: not a whole number from 1 to ${daysMax}`]);
  }
  const now = app.clock.now();
  const absences = await app.presences.absences();
  const concerns = new Concerns(now, absences);
  const until = now + days * dayMs;
  for await (const ahead of lookAhead(app, { now, until, absences, isMeant: () => true })) concerns.add(ahead);
  const { all, devices } = await countWithout(app);
  const noted = await app.store.read.notedSince(now - dayMs, changesMax);
  return {
    now,
    ahead: days,
    ...concerns.view(),
    without: all,
    withoutDevices: devices,
    gateway: (await checks()).filter(({ level }) => level !== 'ok'),
    changes: changesOf(noted),
  };
}

const weight = (criticality: Criticality): number => criticalities.indexOf(criticality);

/** The most critical first, then the earliest. */
function before(one: Concern, other: Concern): number {
  return weight(other.criticality) - weight(one.criticality) || one.at - other.at;
}

/** Counts whom it is told of, and keeps those that matter most. */
class Concerns {
  readonly #now: Instant;
  readonly #absences: readonly Absence[];
  #darkNow = 0;
  #darkAhead = 0;
  #first: Concern | null = null;
  #concerns: Concern[] = [];
  readonly #groups = new Map<string, StatusGroup>();

  constructor(now: Instant, absences: readonly Absence[]) {
    this.#now = now;
    this.#absences = absences;
  }

  add(ahead: Ahead): void {
    const { dark, horizon } = ahead;
    if (!dark) return;
    const isNow = horizon.litUntil <= this.#now;
    const { owner, site, criticality } = horizon.principal;
    if (isNow) this.#darkNow += 1;
    else this.#darkAhead += 1;
    const concern: Concern = {
      ...deviceOf(ahead, dark, this.#absences),
      criticality,
      command: this.#commandFor(ahead, dark.why),
    };
    if (!isNow && (this.#first === null || concern.at < this.#first.at)) this.#first = concern;
    this.#keep(concern);
    this.#group({
      owner,
      site,
      darkNow: Number(isNow),
      darkAhead: Number(!isNow),
      worst: criticality,
      firstAt: dark.at,
    });
  }

  #commandFor({ horizon }: Ahead, why: DarkReason): string {
    const { principal, standsBehind, renewal } = horizon;
    const isGatewayDark = standsBehind?.status === 'active' && !maySpeakForOthers(standsBehind, this.#now);
    const { id, gateway } = principal;
    return nextCommand(why, { id, gateway, renewal: renewal?.id ?? null, isGatewayDark });
  }

  #keep(concern: Concern): void {
    const last = this.#concerns[concernsMax - 1];
    if (last && before(last, concern) <= 0) return;
    this.#concerns = [...this.#concerns, concern].sort(before).slice(0, concernsMax);
  }

  #group(one: StatusGroup): void {
    const key = JSON.stringify([one.owner, one.site]);
    const known = this.#groups.get(key);
    if (!known) {
      if (this.#groups.size < groupsMax) this.#groups.set(key, one);
      return;
    }
    this.#groups.set(key, {
      ...known,
      darkNow: known.darkNow + one.darkNow,
      darkAhead: known.darkAhead + one.darkAhead,
      worst: weight(one.worst) > weight(known.worst) ? one.worst : known.worst,
      firstAt: Math.min(known.firstAt, one.firstAt),
    });
  }

  view(): Pick<StatusView, 'darkNow' | 'darkAhead' | 'first' | 'groups' | 'concerns'> {
    const dark = ({ darkNow, darkAhead }: StatusGroup): number => darkNow + darkAhead;
    const groups = [...this.#groups.values()].sort(
      (a, b) => weight(b.worst) - weight(a.worst) || dark(b) - dark(a) || a.firstAt - b.firstAt,
    );
    return {
      darkNow: this.#darkNow,
      darkAhead: this.#darkAhead,
      first: this.#first,
      groups,
      concerns: this.#concerns,
    };
  }
}

/** The lines of one action together, where the newest of them was. @param entries the newest first. */
function changesOf(entries: readonly JournalEntry[]): StatusChange[] {
  const found = new Map<string, StatusChange>();
  for (const { action, at, detail, actor } of entries) {
    const known = found.get(action);
    if (known) found.set(action, { ...known, count: known.count + 1 });
    else found.set(action, { action, count: 1, lastAt: at, detail, actor });
  }
  return [...found.values()];
}
