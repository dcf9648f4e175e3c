// Looks the installation over: the broker's own certificates come first, then what the ledger says about the fleet.
import type { AlertKind } from '../../domain/alert.ts';
import { endingBy } from '../../domain/delegation.ts';
import { firstIssuer } from '../../domain/issuing-slots.ts';
import { type Descriptors, judgeDescriptors } from '../../domain/machine.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { isComplete } from '../../domain/revocation-list.ts';
import { dayMs, formatDuration, type Instant } from '../../domain/time.ts';
import type { CaseTwins } from '../../ports/inventory.ts';
import type { Changing } from '../change.ts';
import type { Context } from '../context.ts';
import type { WithExposure } from '../oversight/exposure-watch.ts';
import type { Foresight } from '../oversight/foresight.ts';
import { damageCheck } from '../oversight/ledger-damage.ts';
import { alertAfresh, type LookAfreshContext } from '../oversight/look-afresh.ts';
import { alertOwn, ownChecks } from '../oversight/own-certificates.ts';
import type { OwnContext } from '../trust/own-deadlines.ts';
import { livingRoots } from '../trust/root-lists.ts';
import type { WithTurns } from '../turns.ts';
import type { Check } from '../views/broker.ts';
import { chainCheck, crossCheck, namesCheck } from './doctor-chain.ts';
import { fleetChecks } from './doctor-fleet.ts';
import { keyChecks } from './doctor-keys.ts';

export type DoctorContext = LookAfreshContext &
  Pick<Context, 'machine'> &
  OwnContext & { readonly foresight: Foresight };

/** How long before its end a delegation is pointed out. */
const delegationNoticeMs = 14 * dayMs;
/** Lines of the journal that tell by which clock they were written. */
const recordsLookedAt = 100;
/** Pairs of ids that are named. */
const pairsNamed = 20;
/** Alerts of one kind. */
const alertsLookedAt = 100;
/** Ids compared with all others before others have a turn. */
const idsLookedAt = 1_000;
/** Delegations looked at. */
const delegationsMax = 10_000;

/**
 * Every check, good ones too, the broker's own certificates first. `server` is the DER of the server's certificate, if there is one.
 * @param isServing whether devices are served meanwhile, and must not wait.
 */
export async function doctor(app: DoctorContext, server: Uint8Array | null, isServing: boolean): Promise<Check[]> {
  const now = app.clock.now();
  const looks: Looks = {
    ...looksAtBroker(app, server, now),
    'ledger file': () => damageCheck(app, isServing),
    alerts: () => alertCheck(app),
    fleet: () => fleetChecks(app),
    delegations: () => delegationCheck(app, now),
    ids: () => idChecks(app),
  };
  await settleOwn(app, server);
  return carriedOut(app, looks);
}

type Looks = Readonly<Record<string, () => Promise<Check | Check[]> | Check | Check[]>>;

/** What is soon looked at, of the broker and not of the fleet. */
function looksAtBroker(app: DoctorContext, server: Uint8Array | null, now: Instant): Looks {
  return {
    'own certificates': () => ownChecks(app, server),
    'lists of the roots': () => rootListChecks(app),
    cross: () => crossCheck(app),
    'server chain': () => chainCheck(app, server),
    'keys of roots': () => keyChecks(app),
    'revocation list': () => crlCheck(app, now),
    'server names': () => namesCheck(app),
    clock: () => clockCheck(app, now),
    home: () => homeCheck(app),
    machine: () => runningChecks(app),
  };
}

/** How the broker itself is, good checks too; nothing is settled by it. The ledger's file is not read through. */
export async function brokerChecks(app: DoctorContext, server: Uint8Array | null): Promise<Check[]> {
  return carriedOut(app, looksAtBroker(app, server, app.clock.now()));
}

async function carriedOut(app: DoctorContext, looks: Looks): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [subject, look] of Object.entries(looks)) checks.push(...(await looked(subject, look)));
  return Promise.all(checks.map((each) => asLoudAsItsAlerts(app, each)));
}

/** A ledger that takes no writes, or is damaged, still answers. */
async function settleOwn(app: Changing & OwnContext, server: Uint8Array | null): Promise<void> {
  await alertOwn(app, server).catch(() => undefined);
}

/** The alerts that a line is about, by its subject; else those of an own deadline. Without a subject of their own: all of the kind. */
const alertsOf: Readonly<Record<string, { readonly kind: AlertKind; readonly subject?: string }>> = {
  'ledger file': { kind: 'ledger_damaged' },
  home: { kind: 'home_exposed' },
  log: { kind: 'log_unwritable' },
  descriptors: { kind: 'descriptors_short' },
  delegations: { kind: 'delegation_short' },
};

/** In the order of how loud they are. */
const levels: readonly Check['level'][] = ['ok', 'warning', 'error', 'critical'];

/** A line never says that all is well, or says it more quietly, while an alert about the same stands. */
async function asLoudAsItsAlerts(app: Pick<Context, 'store'>, check: Check): Promise<Check> {
  const about = alertsOf[check.subject] ?? { kind: 'own_certificate', subject: check.subject };
  const open = await app.store.read.alerts({ kind: about.kind, open: true }, alertsLookedAt).catch(() => []);
  const its = open.filter(({ subject }) => about.subject === undefined || subject === about.subject);
  const worst = its.find(({ severity }) => severity === 'critical') ?? its[0];
  if (!worst || levels.indexOf(worst.severity) <= levels.indexOf(check.level)) return check;
  const isNews = !check.detail.includes(worst.detail);
  const detail = isNews ? `${check.detail}; the alert ${about.kind} is open: ${worst.detail}` : check.detail;
  return { ...check, level: worst.severity, detail };
}

/** What cannot be read, of a damaged ledger, keeps nothing else from being told. */
async function looked(subject: string, look: () => Promise<Check | Check[]> | Check | Check[]): Promise<Check[]> {
  try {
    return [await look()].flat();
  } catch (error) {
    return [{ level: 'error', subject, detail: error instanceof Error ? error.message : String(error) }];
  }
}

/** A root without a list: a client that checks the whole chain refuses the broker. */
async function rootListChecks(app: Pick<Context, 'store' | 'roots' | 'clock'>): Promise<Check[]> {
  const found: Check[] = [];
  for (const { number, notAfter } of await livingRoots(app)) {
    if (notAfter <= app.clock.now() || (await app.store.read.rootList(number))) continue;
    const todo = app.roots.hasKey(number)
      ? 'the next start signs one'
      : `nolapse trust crl root --root ${number} --request FILE`;
    const detail = `none was signed: a client that checks the whole chain refuses the broker; ${todo}`;
    found.push({ level: 'warning', subject: `revocation list of root ${number}`, detail });
  }
  return found;
}

async function crlCheck(app: Pick<Context, 'store'>, now: Instant): Promise<Check> {
  const subject = 'revocation list';
  const crl = await app.store.read.firstRevocationListToEnd();
  if (!crl || crl.number === 0) return { level: 'warning', subject, detail: 'none published yet' };
  const times = [crl.thisUpdate, crl.nextUpdate].map((at) => new Date(at).toISOString());
  const ofIssuer = crl.issuer === firstIssuer ? '' : `issuing CA ${crl.issuer}, `;
  const which = isComplete(crl) ? ofIssuer : `${ofIssuer}shard ${crl.shard}, `;
  const detail = `${which}number ${crl.number}, of ${times[0]}, next update by ${times[1]}`;
  return { level: crl.nextUpdate <= now || crl.thisUpdate > now ? 'error' : 'ok', subject, detail };
}

/** What the ledger recorded last cannot lie in the future: if it does, the clock ran ahead then, or is behind now. */
async function clockCheck(app: Pick<Context, 'store' | 'settings'>, now: Instant): Promise<Check> {
  const subject = 'clock';
  const time = new Date(now).toISOString();
  const lately = await app.store.read.journal({}, recordsLookedAt);
  const aheadMs = Math.max(0, ...lately.map(({ at }) => at - now));
  if (aheadMs <= app.settings.skewMs) return { level: 'ok', subject, detail: time };
  const detail = `${time} is ${formatDuration(aheadMs)} before what was last recorded; certificates issued then are not valid yet`;
  return { level: 'error', subject, detail };
}

/** Who else can reach into the home. */
async function homeCheck(app: WithExposure): Promise<Check> {
  const check = await app.exposure.look();
  if (!check)
    return { level: 'ok', subject: 'home', detail: 'only its owner can write it, and no link leads out of it' };
  return { level: check.severity, subject: 'home', detail: check.detail };
}

/** The log, and file descriptors, of a broker that runs. */
function runningChecks({ machine }: Pick<Context, 'machine'>): Check[] {
  const log = machine.log();
  if (log === null) return [];
  const failure = log.failure === null ? null : `its lines are not written: ${log.failure}`;
  const dropped = `${log.dropped} lines dropped since the start`;
  const descriptors = machine.descriptors();
  return [
    { level: failure === null ? 'ok' : 'warning', subject: 'log', detail: failure ?? dropped },
    ...(descriptors ? [descriptorCheck(descriptors)] : []),
  ];
}

function descriptorCheck(descriptors: Descriptors): Check {
  const check = judgeDescriptors(descriptors, null);
  return {
    level: check?.severity ?? 'ok',
    subject: 'descriptors',
    detail: `${descriptors.open} of ${descriptors.limit} are in use`,
  };
}

/** What somebody has been told of and is not over; as loud as the worst of it. */
async function alertCheck(app: DoctorContext): Promise<Check> {
  await alertAfresh(app);
  const { alerts } = await app.store.read.counts();
  const sum = (severity: string): number =>
    Object.entries(alerts).reduce((all, [name, count]) => all + (name.endsWith(`/${severity}`) ? count : 0), 0);
  const [critical, warning] = [sum('critical'), sum('warning')];
  if (critical + warning === 0) return { level: 'ok', subject: 'alerts', detail: 'none is open' };
  const detail = `open: ${critical} critical, ${warning} warning; see nolapse alert list --open`;
  return { level: critical > 0 ? 'critical' : 'warning', subject: 'alerts', detail };
}

/** A delegation that nobody renewed stops a whole site's renewals, and nothing else would say so. */
async function delegationCheck(app: Pick<Context, 'store'>, now: Instant): Promise<Check> {
  const subject = 'delegations';
  const delegations = await app.store.read.delegations(delegationsMax);
  const ending = endingBy(delegations, now, now + delegationNoticeMs).sort((a, b) => a.endsAt - b.endsAt);
  const [first] = ending;
  if (!first) return { level: 'ok', subject, detail: 'none ends soon without a successor' };
  const rest = ending.length > 1 ? `, and ${ending.length - 1} more soon after` : '';
  const detail = `${first.id} of ${first.gatewayId} ends ${new Date(first.endsAt).toISOString()}${rest}; none follows`;
  return { level: 'warning', subject, detail };
}

/** As many as are named and one more, a page of the inventory at a time. */
async function caseTwins(app: Pick<Context, 'store'> & WithTurns): Promise<CaseTwins['pairs']> {
  const found: (readonly [PrincipalId, PrincipalId])[] = [];
  let after: PrincipalId | null = null;
  do {
    const { pairs, last }: CaseTwins = await app.store.read.caseTwins(after, idsLookedAt);
    found.push(...pairs);
    after = last;
    if (after !== null) await app.turns.take();
  } while (after !== null && found.length <= pairsNamed);
  return found;
}

/** Pairs that are there from before they were refused, named. */
async function idChecks(app: Pick<Context, 'store'> & WithTurns): Promise<Check[]> {
  const pairs = await caseTwins(app);
  return pairs.slice(0, pairsNamed).map(([one, other], index) => {
    const more = index === pairsNamed - 1 && pairs.length > pairsNamed ? '; there are more such pairs' : '';
    const detail = `${one} and ${other} differ by case alone: easily mistaken for each other; give one of the devices another id${more}`;
    return { level: 'warning', subject: 'ids', detail };
  });
}
