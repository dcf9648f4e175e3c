// The broker's own certificates: how long each has left, and who is to be told. Devices are renewed by what stands here, so it
// comes before them, and louder.
import type { Severity } from '../../domain/alert.ts';
import { formatDuration, type Instant } from '../../domain/time.ts';
import { inspectCertificate } from '../../pki/x509.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { currentRoot, signingCa } from '../trust.ts';
import type { Check } from '../views/broker.ts';

type OwnContext = Pick<Context, 'authority' | 'clock' | 'policies' | 'served'>;

/** Share of a certificate's life that must be left for it to be well. The server's is renewed while a third is left. */
const wellShare = 1 / 4;
/** With less than this share left it is critical. */
const criticalShare = 1 / 20;

/** How one of them is. What is said of it does not change by the minute. */
interface OwnState {
  readonly subject: string;
  readonly level: Check['level'];
  readonly severity: Severity;
  readonly detail: string;
  /** Until its end; null: it has ended, not begun or is not there. */
  readonly leftMs: number | null;
}

const noServer: OwnState = {
  subject: 'server certificate',
  level: 'error',
  severity: 'critical',
  detail: 'it is missing, or does not match its key; the next start makes a new one',
  leftMs: null,
};

function statesOf(app: OwnContext, server: Uint8Array | null): OwnState[] {
  const now = app.clock.now();
  const issuers = signingCa(app).chain.map((der, place) => {
    const subject = place === 0 ? 'issuing certificate' : `issuing certificate ${place + 1}`;
    return lifeOf(subject, der, now, place === 0 ? longest(app) : 0);
  });
  const root = currentRoot(app);
  // With an authority elsewhere devices verify the broker with another root than others verify the devices with.
  const isOther = Buffer.compare(root, app.served.root) !== 0;
  return [
    lifeOf('root certificate', root, now),
    ...(isOther ? [lifeOf('root certificate of the server', app.served.root, now)] : []),
    ...issuers,
    server ? lifeOf('server certificate', server, now) : noServer,
  ];
}

/** What is to be said about each, good or bad, the root first. `server` is the DER of the server's certificate, if there is one. */
export function ownChecks(app: OwnContext, server: Uint8Array | null): Check[] {
  return statesOf(app, server).map(({ subject, level, detail, leftMs }) => ({
    level,
    subject,
    detail: leftMs === null ? detail : `${detail}, ${formatDuration(leftMs)} from now`,
  }));
}

/** The longest lifetime a policy has. */
function longest({ policies }: Pick<Context, 'policies'>): number {
  return Math.max(...policies.all().map(({ lifetimeMs }) => lifetimeMs));
}

/** @param neededMs how much must be left for what it signs to have its whole life. */
function lifeOf(subject: string, der: Uint8Array, now: Instant, neededMs = 0): OwnState {
  const { notBefore, notAfter } = inspectCertificate(der);
  const [begins, ends] = [notBefore, notAfter].map((at) => new Date(at).toISOString());
  const leftMs = notAfter - now;
  const bad = { subject, level: 'error', severity: 'critical', leftMs: null } as const;
  if (notBefore > now) return { ...bad, detail: `begins ${begins}: is the clock right?` };
  if (leftMs <= 0) return { ...bad, detail: `ended ${ends}` };
  const lifeMs = notAfter - notBefore;
  const isShort = leftMs < neededMs;
  const detail = isShort ? `new certificates are cut short, because it ends ${ends}` : `ends ${ends}`;
  const level = isShort || leftMs < lifeMs * wellShare ? 'warning' : 'ok';
  return { subject, level, severity: leftMs < lifeMs * criticalShare ? 'critical' : 'warning', detail, leftMs };
}

/** The revocation list: a new one is signed when half of its time has passed, so one with less than a quarter left is overdue. */
async function crlState(app: Pick<Context, 'store' | 'clock'>): Promise<OwnState[]> {
  const crl = await app.store.read.firstRevocationListToEnd();
  if (!crl || crl.number === 0) return [];
  const subject = 'revocation list';
  const leftMs = crl.nextUpdate - app.clock.now();
  const lifeMs = crl.nextUpdate - crl.thisUpdate;
  const level = leftMs <= 0 ? 'error' : leftMs < lifeMs * wellShare ? 'warning' : 'ok';
  const detail = `no new list was signed; number ${crl.number} is valid until ${new Date(crl.nextUpdate).toISOString()}`;
  return [{ subject, level, severity: leftMs < lifeMs * criticalShare ? 'critical' : 'warning', detail, leftMs }];
}

/** Has an alert stand for each that is not well, and for no other. */
export async function alertOwn(app: Changing & OwnContext, server: Uint8Array | null): Promise<void> {
  const states = [...statesOf(app, server), ...(await crlState(app))];
  await change(app, async (within) => {
    for (const state of states) await alertOne(within, state);
  });
}

async function alertOne(within: Change, { subject, level, severity, detail }: OwnState): Promise<void> {
  const name = { kind: 'own_certificate', subject } as const;
  if (level === 'ok') await within.clearAlert(name);
  else await within.alert({ ...name, severity, detail, owner: null });
}
