// What the doctor says of the fleet: who is dark, who will be, who never had a certificate, and how renewals stand.
import { foreseenDays } from '../../domain/standing.ts';
import { formatDuration } from '../../domain/time.ts';
import type { StandingCount } from '../../ports/fleet.ts';
import type { Context } from '../context.ts';
import type { Foresight } from '../oversight/foresight.ts';
import type { Check } from '../views/broker.ts';
import type { FleetView } from '../views/fleet.ts';

/** How long a look ahead is waited for. */
const patienceMs = 10_000;

export async function fleetChecks(app: Pick<Context, 'store'> & { readonly foresight: Foresight }): Promise<Check[]> {
  const view = await app.foresight.view(patienceMs, { fresh: true });
  return [darkCheck(view), aheadCheck(view), withoutCheck(view), ...(await renewalChecks(app))];
}

const devices = (count: number): string => (count === 1 ? '1 device' : `${count} devices`);
const ofThem = ({ quarantined }: StandingCount): string =>
  quarantined > 0 ? `, ${quarantined} of them in quarantine` : '';

/** As loud as its alerts: nobody is alerted of those in quarantine. */
function darkCheck({ dark }: FleetView): Check {
  const subject = 'dark';
  if (dark.all === 0)
    return { level: 'ok', subject, detail: 'every device that had a certificate has one that lets it in' };
  const has = dark.all === 1 ? 'has' : 'have';
  const detail = `${devices(dark.all)} ${has} no certificate that lets ${dark.all === 1 ? 'it' : 'them'} in any more${ofThem(dark)}: nolapse forecast`;
  return { level: dark.all > dark.quarantined ? 'critical' : 'warning', subject, detail };
}

function aheadCheck({ dark, ahead, nearestEndAt }: FleetView): Check {
  const subject = 'forecast';
  const next = nearestEndAt === null ? '' : `; the next certificate ends ${new Date(nearestEndAt).toISOString()}`;
  if (!ahead) return { level: 'ok', subject, detail: `still being worked out: nolapse forecast${next}` };
  const more = foreseenDays.map((days) => `${Math.max(0, ahead.darkWithin[days] - dark.all)} within ${days} days`);
  const isAny = ahead.darkWithin[90] > dark.all;
  const age = ahead.ageMs >= 60_000 ? `, as of ${formatDuration(ahead.ageMs)} ago` : '';
  const detail = `expected to go dark: ${more.join(', ')}${age}${isAny ? ': nolapse forecast' : ''}${next}`;
  return { level: isAny ? 'warning' : 'ok', subject, detail };
}

function withoutCheck({ without }: FleetView): Check {
  const subject = 'without certificate';
  if (without.all === 0) return { level: 'ok', subject, detail: 'every device had one' };
  const detail = `${devices(without.all)} never had a certificate${ofThem(without)}: nolapse finding list --kind never_seen`;
  return { level: 'warning', subject, detail };
}

/** Renewals that missed their deadline: those that still wait for their device, and those that were settled after it. */
function lapseCheck(lapsed: number, late: number): Check {
  const rest = `${late} missed their deadline and are settled since the ledger began`;
  if (lapsed === 0) return { level: 'ok', subject: 'lapses', detail: `no renewal is lapsed; ${rest}` };
  const detail = `${lapsed} lapsed: nolapse renewal list --state lapsed; ${rest}`;
  return { level: 'warning', subject: 'lapses', detail };
}

async function renewalChecks(app: Pick<Context, 'store'>): Promise<Check[]> {
  const { renewals, certificates, late } = await app.store.read.counts();
  const failed = renewals['failed'] ?? 0;
  const expired = certificates['expired'] ?? 0;
  return [
    {
      level: failed > 0 ? 'warning' : 'ok',
      subject: 'renewals',
      detail: `${failed} failed and waiting to be tried again`,
    },
    // Whose device has no other is in the alerts and findings: the rest needs nobody.
    {
      level: 'ok',
      subject: 'certificates',
      detail: `${expired} have expired${expired > 0 ? ': nolapse cert list --state expired' : ''}`,
    },
    lapseCheck(renewals['lapsed'] ?? 0, late),
  ];
}
