// Alerts of site gateways whose delegations end without another to follow, or allow fewer renewals a day than the devices behind them
// need: those devices would not be renewed, and only each of them would be told of, one by one and late.
import { type Delegation, isInForce, unfollowed } from '../../domain/delegation.ts';
import { type Policy, renewalsPerDay } from '../../domain/policy.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import { dayMs } from '../../domain/time.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { pagesOf } from '../pages.ts';
import type { WithTurns } from '../turns.ts';
import type { WithWhereabouts } from '../whereabouts.ts';

/** How long before its end a delegation is pointed out. */
const noticeMs = 14 * dayMs;
/** One that ended longer ago is nobody's any more. */
const rememberedMs = 90 * dayMs;
const pageRows = 250;
/** Delegations looked at, and devices that they name. */
const delegationsMax = 10_000;
const namedMax = 200_000;

/** What the devices of each site need in renewals a day, added up while the fleet is looked over. */
export class DailyNeeds {
  readonly #bySite = new Map<string, number>();

  /** A device that is here itself needs nobody to speak for it. */
  add(app: WithWhereabouts, { id, kind, status, site }: Principal, policy: Policy): void {
    if (kind !== 'device' || status !== 'active' || site === null || app.presences.isHere(id)) return;
    this.#bySite.set(site, this.ofSite(site) + renewalsPerDay(policy));
  }

  ofSite(site: string): number {
    return this.#bySite.get(site) ?? 0;
  }
}

/** Has an alert stand for each gateway concerned, and for no other. */
export async function alertDelegations(
  app: Changing & Pick<Context, 'policies'> & WithTurns,
  needs: DailyNeeds,
): Promise<void> {
  const all = await readAll(app);
  const said = new Map<PrincipalId, string[]>();
  const say = (id: PrincipalId, text: string): void => void said.set(id, [...(said.get(id) ?? []), text]);
  const now = app.clock.now();
  const standing = all.filter(({ revokedAt }) => revokedAt === null);
  for (const each of unfollowed(standing, now - rememberedMs, now + noticeMs)) {
    say(each.gatewayId, `its delegation ${each.id} for ${scopeOf(each)} ends ${day(each.endsAt)}, and none follows it`);
  }
  const inForce = standing.filter((each) => isInForce(each, now));
  for (const [site, group] of bySite(inForce)) {
    const allowed = group.reduce((sum, { dailyLimit }) => sum + dailyLimit, 0);
    const needed = Math.ceil(needs.ofSite(site));
    if (needed <= allowed) continue;
    for (const { gatewayId } of group) say(gatewayId, tooFew(`site ${site}`, allowed, needed));
  }
  await sayOfNamed(app, inForce, say);
  await change(app, (within) => settleDelegationAlerts(within, said));
}

function tooFew(scope: string, allowed: number, needed: number): string {
  return `the delegations for ${scope} allow ${allowed} renewals a day, and its devices need about ${needed}`;
}

async function sayOfNamed(
  app: Pick<Context, 'store' | 'policies'> & WithTurns,
  inForce: readonly Delegation[],
  say: (id: PrincipalId, text: string) => void,
): Promise<void> {
  let looked = 0;
  for (const { id, gatewayId, devices, dailyLimit } of inForce) {
    // One renewal a day for each device is more than any needs.
    if (devices.length <= dailyLimit || looked > namedMax) continue;
    let needed = 0;
    for (const device of devices) {
      const principal = await app.store.read.principal(device);
      if (principal?.status === 'active') needed += renewalsPerDay(app.policies.of(principal));
      looked += 1;
      if (looked % pageRows === 0) await app.turns.take();
    }
    if (needed > dailyLimit) say(gatewayId, tooFew(`delegation ${id}`, dailyLimit, Math.ceil(needed)));
  }
}

async function readAll(app: Pick<Context, 'store'> & WithTurns): Promise<Delegation[]> {
  const all: Delegation[] = [];
  const next = (last: Delegation | null) => app.store.read.delegations(pageRows, ...(last === null ? [] : [last.id]));
  for await (const page of pagesOf(pageRows, next)) {
    all.push(...page);
    if (all.length >= delegationsMax) break;
    await app.turns.take();
  }
  return all;
}

function bySite(delegations: readonly Delegation[]): Map<string, Delegation[]> {
  const groups = new Map<string, Delegation[]>();
  for (const each of delegations)
    if (each.site !== null) groups.set(each.site, [...(groups.get(each.site) ?? []), each]);
  return groups;
}

function scopeOf({ site, devices }: Delegation): string {
  if (site !== null) return `site ${site}`;
  return devices.length === 1 ? `${devices[0]}` : `${devices.length} devices`;
}

const day = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');

/** Alerts open at a time that are looked at. */
const openMax = 10_000;

async function settleDelegationAlerts(
  within: Change,
  said: ReadonlyMap<PrincipalId, readonly string[]>,
): Promise<void> {
  const { tx } = within;
  const kind = 'delegation_short';
  for (const alert of await tx.alerts({ open: true, kind }, openMax)) {
    if (!said.has(alert.subject as PrincipalId)) await within.clearAlert(alert);
  }
  for (const [id, [first = '', ...rest]] of said) {
    const principal = await tx.principal(id);
    if (principal?.status !== 'active') continue;
    const more = rest.length > 0 ? ` (and ${rest.length} more)` : '';
    const owner = principal.owner.trim() || null;
    await within.alert({ kind, subject: id, severity: 'warning', detail: `${first}${more}`, owner });
  }
}
