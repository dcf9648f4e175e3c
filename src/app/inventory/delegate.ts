// Grants and revokes delegations: which gateway may act for which devices or site, in which key modes, until when and how often
// a day, and whether with the devices' telemetry. Nothing is granted without an end and a limit.
import type { Delegation } from '../../domain/delegation.ts';
import { dayOf, inForceMax, isInForce } from '../../domain/delegation.ts';
import {
  type KeyMode,
  keyModes,
  type Principal,
  type PrincipalId,
  parsePrincipalId,
  principalIdRule,
} from '../../domain/principal.ts';
import { durationMaxMs, type Instant, parseDate, parseDuration } from '../../domain/time.ts';
import type { Page } from '../../ports/page.ts';
import type { Reader } from '../../ports/store.ts';
import type { Change, Changing } from '../change.ts';
import type { Context } from '../context.ts';
import { carrier } from '../dry-run.ts';
import type { WithRounds } from '../enrollment/rounds.ts';
import { OperationError } from '../operation-error.ts';
import { afterId, pagesOf } from '../pages.ts';
import { shortId } from '../short-id.ts';
import type { WithTurns } from '../turns.ts';
import type { Dryable } from '../views/decisions.ts';
import type {
  AddedDelegationView,
  DelegationView,
  NewDelegation,
  RevokedDelegationView,
} from '../views/delegations.ts';
import { appWithout, type CutOffContext, cutOffFrom } from './cut-off.ts';

type DelegateContext = CutOffContext & Changing & Pick<Context, 'entropy'> & WithRounds;

/** Devices one delegation may name; more are a site. */
const devicesNamedMax = 10_000;
const dailyLimitMax = 1_000_000;
const siteLengthMax = 128;
/** Delegations of one gateway that are listed. */
const ofGatewayMax = 10_000;
/** Devices counted before others have a turn. */
const pageMax = 500;
/** Nobody has this id: what is asked for it is asked for a site alone. */
const noDevice = '' as PrincipalId;

/** Grants. Rejects with `invalid` and every fault. */
export async function addDelegation(app: DelegateContext, input: NewDelegation): Promise<AddedDelegationView> {
  const carried = carrier(input);
  const delegation = await carried.run(app, async (within) => {
    const { tx, now, record } = within;
    const faults: string[] = [];
    const gateway = await gatewayNamed(tx, input.gateway, faults);
    const scope = await scopeOf(tx, input, faults);
    const misspelt = faults.some((each) => each.startsWith('site:')) ? null : await siteFault(tx, input, gateway);
    if (misspelt) faults.push(misspelt);
    const modes = modesOf(input.modes, faults);
    const endsAt = endOf(input.until, now, faults);
    await objectToCrowd(tx, scope, now, faults);
    const { daily } = input;
    if (!Number.isInteger(daily) || daily < 1 || daily > dailyLimitMax) {
      faults.push(`daily: not a whole number from 1 to ${dailyLimitMax}`);
    }
    if (faults.length > 0 || !gateway) throw new OperationError('invalid', faults);
    const granted: Delegation = {
      id: shortId(app.entropy),
      gatewayId: gateway.id,
      ...scope,
      modes,
      endsAt,
      dailyLimit: daily,
      createdAt: now,
      revokedAt: null,
      ...(input.telemetry && { telemetry: true }),
    };
    await tx.putDelegation(granted);
    // What it said under delegations that are over counts no more.
    await tx.dropCarriedContacts(gateway.id, granted.id, now);
    await record({
      action: 'delegation.added',
      message: `${gateway.id} may ${verbsFor(granted)} ${wordsFor(granted)} until ${new Date(endsAt).toISOString()} (${granted.id})`,
      principalId: gateway.id,
    });
    return granted;
  });
  // Whoever waited for this delegation waits no longer.
  if (!input.dryRun) app.rounds.begin(delegation.gatewayId);
  return { ...(await viewOf(app, delegation)), covers: await coveredBy(app, delegation), ...carried.view() };
}

/**
 * A site at which nobody is would be misspelt, and the delegation would cover nobody without a word. One that the gateway's own record
 * has is meant for devices to come.
 */
async function siteFault(read: Reader, { site }: NewDelegation, gateway: Principal | null): Promise<string | null> {
  if (site === undefined || gateway?.site === site) return null;
  if ((await read.principals({ site }, { limit: 1 })).length > 0) return null;
  return `site: no device in the inventory is at the site "${site}"; for devices to come, give the gateway that site first (nolapse device set GATEWAY --site SITE)`;
}

/** Devices in service that this delegation names, or that are at its site. */
async function coveredBy(
  { store, turns }: Pick<Context, 'store'> & WithTurns,
  { site, devices }: Delegation,
): Promise<number> {
  if (site === null) return devices.length;
  let count = 0;
  const next = async (last: Principal | null) => {
    await turns.take();
    return store.read.principals({ site, kind: 'device' }, { limit: pageMax, ...afterId(last) });
  };
  for await (const page of pagesOf(pageMax, next)) {
    count += page.filter(({ status }) => status !== 'decommissioned').length;
  }
  return count;
}

/** Revokes; twice is once, and says who has no way to renew any more. Rejects with `not_found`. */
export async function revokeDelegation(
  app: DelegateContext,
  { id, dryRun }: Dryable & { readonly id: string },
): Promise<RevokedDelegationView> {
  const carried = carrier({ dryRun: dryRun === true });
  const delegation = await carried.run(app, async (within) => {
    const found = await within.tx.delegation(id);
    if (!found) throw new OperationError('not_found', [`no delegation ${id.slice(0, 64)}`]);
    return revokeWithin(within, found, 'by hand');
  });
  const after = dryRun ? appWithout(app, [delegation]) : app;
  const cutOff = await cutOffFrom(after, delegation.gatewayId, [delegation]);
  return { ...(await viewOf(app, delegation)), cutOff, ...carried.view() };
}

/** Revokes what a gateway was granted, within a change: the gateway is gone. @returns how many stood until now. */
export async function revokeDelegationsOf(within: Change, gateway: PrincipalId): Promise<number> {
  const standing = await within.tx.standingDelegations(gateway, within.now);
  for (const each of standing) await revokeWithin(within, each, 'with its gateway');
  return standing.length;
}

async function revokeWithin({ tx, now, record }: Change, delegation: Delegation, why: string): Promise<Delegation> {
  if (delegation.revokedAt !== null) return delegation;
  const revoked = { ...delegation, revokedAt: now };
  await tx.putDelegation(revoked);
  await tx.dropCarriedContacts(delegation.gatewayId, delegation.id, now);
  await record({
    action: 'delegation.revoked',
    message: `${delegation.gatewayId} may no longer ${verbsFor(delegation)} ${wordsFor(delegation)}: revoked ${why} (${delegation.id})`,
    principalId: delegation.gatewayId,
  });
  return revoked;
}

/** In order of id; of one gateway, or all. Ended and revoked ones too. */
export async function listDelegations(
  app: Pick<Context, 'store' | 'clock'>,
  gateway: PrincipalId | null,
  { after = '', limit }: Page,
): Promise<DelegationView[]> {
  const { read } = app.store;
  const found =
    gateway === null
      ? await read.delegations(limit, after)
      : (await read.delegationsOf(gateway, ofGatewayMax)).filter(({ id }) => id > after).slice(0, limit);
  return Promise.all(found.map((each) => viewOf(app, each)));
}

async function viewOf(app: Pick<Context, 'store' | 'clock'>, delegation: Delegation): Promise<DelegationView> {
  const today = dayOf(app.clock.now());
  return { ...delegation, usedToday: await app.store.read.delegationUse(delegation.id, today) };
}

function verbsFor({ telemetry }: Delegation): string {
  return telemetry ? 'act and carry telemetry for' : 'act for';
}

function wordsFor({ site, devices }: Delegation): string {
  if (site !== null) return `site ${site}`;
  return devices.length === 1 ? `${devices[0]}` : `${devices.length} devices`;
}

async function gatewayNamed(read: Reader, text: string, faults: string[]): Promise<Principal | null> {
  const principal = await principalNamed(read, 'gateway', text, faults);
  if (!principal) return null;
  if (principal.kind !== 'gateway') faults.push(`gateway: ${principal.id} is a ${principal.kind}`);
  else if (principal.status === 'decommissioned') faults.push(`gateway: ${principal.id} is decommissioned`);
  return principal;
}

async function principalNamed(read: Reader, field: string, text: string, faults: string[]): Promise<Principal | null> {
  const id = parsePrincipalId(text);
  const principal = id && (await read.principal(id));
  if (!id) faults.push(`${field}: not an id: ${principalIdRule}`);
  else if (!principal) faults.push(`${field}: ${id} is not in the inventory`);
  return principal;
}

async function scopeOf(
  read: Reader,
  { devices: named = [], site }: NewDelegation,
  faults: string[],
): Promise<Pick<Delegation, 'devices' | 'site'>> {
  if (named.length > 0 === (site !== undefined)) faults.push('device, site: name devices or a site, one of the two');
  if (site !== undefined && (site.length === 0 || site.length > siteLengthMax || /\p{Cc}/u.test(site))) {
    faults.push(`site: not a text of at most ${siteLengthMax} printable characters`);
  }
  if (named.length > devicesNamedMax) faults.push(`device: more than ${devicesNamedMax}; delegate a site`);
  const devices = new Set<PrincipalId>();
  for (const text of named.slice(0, devicesNamedMax)) {
    const device = await principalNamed(read, 'device', text, faults);
    if (device && device.kind !== 'device') faults.push(`device: ${device.id} is a ${device.kind}`);
    if (device) devices.add(device.id);
  }
  return { devices: [...devices], site: site ?? null };
}

async function objectToCrowd(
  read: Reader,
  { devices, site }: Pick<Delegation, 'devices' | 'site'>,
  now: Instant,
  faults: string[],
): Promise<void> {
  const isFull = (found: readonly Delegation[]) => found.filter((each) => isInForce(each, now)).length >= inForceMax;
  const hint = `${inForceMax} delegations in force already: revoke some of them first`;
  if (site !== null && isFull(await read.delegationsFor(noDevice, site))) faults.push(`site: ${site} has ${hint}`);
  for (const id of devices) {
    if (isFull(await read.delegationsFor(id, null))) faults.push(`device: ${id} has ${hint}`);
  }
}

function modesOf(texts: readonly string[], faults: string[]): KeyMode[] {
  const modes = keyModes.filter((mode) => texts.includes(mode));
  const known = texts.every((text) => keyModes.some((mode) => mode === text));
  if (!known || modes.length === 0) faults.push(`modes: not a list of ${keyModes.join(', ')}`);
  return modes;
}

/** `90d` from now, or an ISO 8601 date (its beginning, in UTC) or time. */
function endOf(text: string, now: Instant, faults: string[]): Instant {
  const duration = parseDuration(text);
  const endsAt = duration === null ? (parseDate(text) ?? Number.NaN) : now + duration;
  if (Number.isNaN(endsAt)) faults.push('until: not a duration such as 90d, or a date such as 2030-01-31');
  else if (endsAt <= now) faults.push('until: not in the future');
  else if (endsAt > now + durationMaxMs) faults.push('until: more than 100 years ahead');
  return endsAt;
}
