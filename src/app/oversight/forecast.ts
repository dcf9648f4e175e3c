// Walks the certificates in use that end by a date, a page at a time, and tells whose device is expected to go dark. It changes
// nothing, and holds no more of the fleet than a page and the first of those it found.
import { chanceOf, type Darkness, type DarkReason, foresee, type Prospect } from '../../domain/forecast.ts';
import { dayMs, type Instant, parseDate } from '../../domain/time.ts';
import type { Absence } from '../../domain/visits.ts';
import type { Outlook, OutlookPlace } from '../../ports/store.ts';
import { type App, policyOf } from '../context.ts';
import { type DarkDevice, type ForecastQuery, type ForecastView, OperationError } from '../operations.ts';
import { hasKeyMode, lastSeen, prospectOf } from '../renewal/prospect.ts';

const daysDefault = 90;
const daysMax = 36_500;
const limitDefault = 1_000;
/** Certificates read and judged before others have a turn. */
const pageMax = 200;
/** Pairs of owner and site that are told apart. */
const groupsMax = 10_000;

interface Judged {
  readonly prospect: Prospect;
  readonly expectedAt: Instant;
  readonly dark: Darkness;
}

/** Rejects with `invalid`. */
export async function forecast(app: App, query: ForecastQuery): Promise<ForecastView> {
  const now = app.clock.now();
  const until = untilOf(query, now);
  await objectToStrangers(app, query);
  const absences = await app.presences.absences(app);
  const found = new Found(query.limit ?? limitDefault);
  let after: OutlookPlace | null = null;
  do {
    await app.turns.take();
    const page: Outlook[] = await app.store.read.outlooks(until, after, pageMax);
    for (const outlook of page) {
      if (!isAskedFor(outlook, query) || (await isSecond(app, outlook))) continue;
      found.looked += 1;
      const judged = await judge(app, outlook, absences, now, until);
      if (judged) found.add(outlook, judged, absences);
    }
    after = page.length === pageMax ? (page.at(-1)?.place ?? null) : null;
  } while (after);
  return found.view(now, until);
}

function untilOf({ days, asOf }: ForecastQuery, now: Instant): Instant {
  const fault = (text: string): OperationError => new OperationError('invalid', [text]);
  if (days !== undefined && asOf !== undefined) throw fault('days, as-of: say one of the two');
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
async function objectToStrangers(app: App, { owner, site }: ForecastQuery): Promise<void> {
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

function isAskedFor({ principal }: Outlook, { owner, site }: ForecastQuery): boolean {
  if (principal.status === 'decommissioned') return false;
  return (owner === undefined || principal.owner === owner) && (site === undefined || principal.site === site);
}

/** One that is not to be renewed beside another in use is not what its device depends on: a drill's, say. */
async function isSecond(app: App, { certificate, renewal }: Outlook): Promise<boolean> {
  if (certificate.renewAt !== null || renewal) return false;
  const all = await app.store.read.certificatesOf(certificate.principalId);
  return all.some(({ state, fingerprint }) => state === 'active' && fingerprint !== certificate.fingerprint);
}

async function judge(
  app: App,
  outlook: Outlook,
  absences: readonly Absence[],
  now: Instant,
  until: Instant,
): Promise<Judged | null> {
  const prospect = prospectOf(app, outlook, absences, now);
  const chance = chanceOf(prospect, now);
  const policy = policyOf(app, outlook.principal);
  const dark = foresee(prospect, chance, until, await hasKeyMode(app, outlook, policy, chance.renewsAt));
  return dark && { prospect, expectedAt: chance.expectedAt, dark };
}

/** Counts whom it is told of, and keeps the first of them. */
class Found {
  looked = 0;
  #dark = 0;
  #ungrouped = 0;
  readonly #limit: number;
  readonly #devices: DarkDevice[] = [];
  readonly #reasons: Partial<Record<DarkReason, number>> = {};
  readonly #groups = new Map<string, { owner: string; site: string | null; dark: number; firstAt: Instant }>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(outlook: Outlook, { prospect, expectedAt, dark }: Judged, absences: readonly Absence[]): void {
    const { certificate, principal } = outlook;
    this.#dark += 1;
    this.#reasons[dark.why] = (this.#reasons[dark.why] ?? 0) + 1;
    this.#group(principal.owner, principal.site, dark.at);
    if (this.#devices.length >= this.#limit) return;
    this.#devices.push({
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
      awaySince: prospect.awayMs === null ? null : lastSeen(outlook, absences),
      comesEveryMs: prospect.gaps.plannedMs || null,
    });
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

  view(now: Instant, until: Instant): ForecastView {
    const groups = [...this.#groups.values()].sort((a, b) => b.dark - a.dark || a.firstAt - b.firstAt);
    const counts = { looked: this.looked, dark: this.#dark, ungrouped: this.#ungrouped };
    return { now, until, ...counts, reasons: this.#reasons, groups, devices: this.#devices };
  }
}
