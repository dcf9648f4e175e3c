// Tells who is dark, who is expected to go dark by a date and who never had a certificate. It changes nothing, and holds no more of the
// fleet than a page and the first of those it found.
import type { Darkness, DarkReason } from '../../domain/forecast.ts';
import type { Principal } from '../../domain/principal.ts';
import { dayMs, type Instant, parseDate } from '../../domain/time.ts';
import type { Absence } from '../../domain/visits.ts';
import type { Unissued } from '../../ports/fleet.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { pagesOf } from '../pages.ts';
import { lastSeen } from '../renewal/prospect.ts';
import type { WithTurns } from '../turns.ts';
import type { DarkDevice, ForecastQuery, ForecastView } from '../views/forecast.ts';
import { countWithout } from './count-standings.ts';
import { type Ahead, type LookAheadContext, lookAhead } from './look-ahead.ts';

type ForecastContext = LookAheadContext & Pick<Context, 'clock'>;

const daysDefault = 90;
const daysMax = 36_500;
const limitDefault = 1_000;
/** Principals that never had a certificate, read before others have a turn. */
const pageMax = 1_000;
/** Pairs of owner and site that are told apart. */
const groupsMax = 10_000;

/** Rejects with `invalid`. */
export async function forecast(app: ForecastContext, query: ForecastQuery): Promise<ForecastView> {
  const now = app.clock.now();
  const until = untilOf(query, now);
  await objectToStrangers(app, query);
  const absences = await app.presences.absences();
  const found = new Found(query.limit ?? limitDefault, now);
  const isMeant = ({ principal }: Ahead['horizon']): boolean => isAskedFor(principal, query);
  for await (const ahead of lookAhead(app, { now, until, absences, isMeant })) found.add(ahead, absences);
  return found.view(until, await countUnissued(app, query));
}

type Without = Pick<ForecastView, 'without' | 'withoutDevices'>;

async function countUnissued(app: Pick<Context, 'store'> & WithTurns, query: ForecastQuery): Promise<Without> {
  if (query.owner === undefined && query.site === undefined) {
    const { all, devices } = await countWithout(app);
    return { without: all, withoutDevices: devices };
  }
  let [without, withoutDevices] = [0, 0];
  const next = async (last: Unissued | null) => {
    await app.turns.take();
    return app.store.read.unissued(last?.id ?? null, pageMax);
  };
  for await (const page of pagesOf(pageMax, next)) {
    const meant = page.filter((each) => isAskedFor(each, query));
    without += meant.length;
    withoutDevices += meant.filter(({ kind }) => kind === 'device').length;
  }
  return { without, withoutDevices };
}

function untilOf({ days, asOf }: ForecastQuery, now: Instant): Instant {
  const fault = (text: string): OperationError => new OperationError('invalid', [text]);
  if (days !== undefined && asOf !== undefined) throw fault('days, as-of: give one of them, not both');
  if (asOf === undefined) {
    const ahead = days ?? daysDefault;
    if (!Number.isInteger(ahead) || ahead < 1 || ahead > daysMax) {
      throw fault(`days: not a whole number from 1 to ${daysMax}`);
    }
    return now + ahead * dayMs;
  }
  const until = parseDate(asOf);
  if (until === null) throw fault('as-of: not a date such as 2030-01-31, or a time such as 2030-01-31T10:00Z');
  if (until <= now) throw fault('as-of: not in the future');
  if (until > now + daysMax * dayMs) throw fault(`as-of: more than ${daysMax} days ahead`);
  return until;
}

/** By a name that is misspelt nobody would go dark. An empty owner is nobody's name: it asks for those that have none. */
async function objectToStrangers(app: Pick<Context, 'store'>, { owner, site }: ForecastQuery): Promise<void> {
  const { read } = app.store;
  const faults: string[] = [];
  if (owner && (await read.principals({ owner }, { limit: 1 })).length === 0) {
    faults.push(`owner: no device in the inventory has the owner "${owner}"`);
  }
  if (site !== undefined && (await read.principals({ site }, { limit: 1 })).length === 0) {
    faults.push(`site: no device in the inventory is at the site "${site}"`);
  }
  if (faults.length > 0) throw new OperationError('invalid', faults);
}

function isAskedFor(principal: Pick<Principal, 'owner' | 'site'>, { owner, site }: ForecastQuery): boolean {
  return (owner === undefined || principal.owner === owner) && (site === undefined || principal.site === site);
}

/** Counts whom it is told of, and keeps the first of them. */
class Found {
  #looked = 0;
  #dark = 0;
  #darkNow = 0;
  #ungrouped = 0;
  readonly #limit: number;
  readonly #now: Instant;
  readonly #devices: DarkDevice[] = [];
  readonly #reasons: Partial<Record<DarkReason, number>> = {};
  readonly #groups = new Map<string, { owner: string; site: string | null; dark: number; firstAt: Instant }>();

  constructor(limit: number, now: Instant) {
    this.#limit = limit;
    this.#now = now;
  }

  add(ahead: Ahead, absences: readonly Absence[]): void {
    const { horizon, dark } = ahead;
    if (horizon.litUntil > this.#now) this.#looked += 1;
    else this.#darkNow += 1;
    if (!dark) return;
    const { owner, site } = horizon.principal;
    this.#dark += 1;
    this.#reasons[dark.why] = (this.#reasons[dark.why] ?? 0) + 1;
    this.#group(owner, site, dark.at);
    if (this.#devices.length < this.#limit) this.#devices.push(deviceOf(ahead, dark, absences));
  }

  #group(owner: string, site: string | null, at: Instant): void {
    const key = JSON.stringify([owner, site]);
    const group = this.#groups.get(key);
    if (group) {
      group.dark += 1;
      group.firstAt = Math.min(group.firstAt, at);
    } else if (this.#groups.size < groupsMax) this.#groups.set(key, { owner, site, dark: 1, firstAt: at });
    else this.#ungrouped += 1;
  }

  view(until: Instant, without: Without): ForecastView {
    const groups = [...this.#groups.values()].sort((a, b) => b.dark - a.dark || a.firstAt - b.firstAt);
    const counts = { looked: this.#looked, dark: this.#dark, darkNow: this.#darkNow, ...without };
    return {
      now: this.#now,
      until,
      ...counts,
      ungrouped: this.#ungrouped,
      reasons: this.#reasons,
      groups,
      devices: this.#devices,
    };
  }
}

/** What is told of one that is dark or will be. */
export function deviceOf(ahead: Ahead, dark: Darkness, absences: readonly Absence[]): DarkDevice {
  const { horizon, prospect, expectedAt } = ahead;
  const { certificate, principal } = horizon;
  return {
    id: principal.id,
    owner: principal.owner,
    site: principal.site,
    class: principal.class,
    serial: certificate.serial,
    at: dark.at,
    why: dark.why,
    slackMs: dark.slackMs,
    dueAt: prospect.dueAt,
    expectedAt,
    awaySince: prospect.awayMs === null ? null : lastSeen(horizon, absences),
    comesEveryMs: prospect.gaps.plannedMs || null,
  };
}
