// The broker's own deadlines: who is told of each, and what doctor says of it. What there is to end is gathered beside, and judged by the
// domain.
import type { JudgedDeadline } from '../../domain/own-deadlines.ts';
import { formatDuration } from '../../domain/time.ts';
import { type Change, type Changing, change } from '../change.ts';
import { judgedDeadlines, type OwnContext } from '../trust/own-deadlines.ts';
import type { Check } from '../views/broker.ts';

type Told = Pick<JudgedDeadline, 'subject' | 'level' | 'severity' | 'detail' | 'leftMs'>;

const noServer: Told = {
  subject: 'server certificate',
  level: 'error',
  severity: 'critical',
  detail: 'it is missing, or does not match its key; the next start makes a new one',
  leftMs: null,
};

/** What is to be said about each, good or bad, the root first. `server` is the DER of the server's certificate, if there is one. */
export async function ownChecks(app: OwnContext, server: Uint8Array | null): Promise<Check[]> {
  const judged: readonly Told[] = (await judgedDeadlines(app, server)).filter(({ kind }) => kind !== 'crl');
  return [...judged, ...(server ? [] : [noServer])].map(({ subject, level, detail, leftMs }) => ({
    level,
    subject,
    detail: leftMs === null ? detail : `${detail}, ${formatDuration(leftMs)} from now`,
  }));
}

/** Alerts about certificates of our own that are looked at: there are no more of these than that. */
const alertsMax = 1_000;

/** Has an alert stand for each that is not well, and for no other. */
export async function alertOwn(app: Changing & OwnContext, server: Uint8Array | null): Promise<void> {
  const told: readonly Told[] = await judgedDeadlines(app, server);
  const bad = [...told, ...(server ? [] : [noServer])].filter(({ level }) => level !== 'ok');
  await change(app, async (within) => {
    for (const { subject, severity, detail } of bad) {
      await within.alert({ kind: 'own_certificate', subject, severity, detail, owner: null });
    }
    await clearOthers(within, new Set(bad.map(({ subject }) => subject)));
  });
}

/** What is well again, or is no more. */
async function clearOthers(within: Change, standing: ReadonlySet<string>): Promise<void> {
  const open = await within.tx.alerts({ kind: 'own_certificate', open: true }, alertsMax);
  for (const alert of open) if (!standing.has(alert.subject)) await within.clearAlert(alert);
}
