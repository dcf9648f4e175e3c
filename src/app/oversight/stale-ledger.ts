// Notices at a start that the ledger was last written long ago: the broker stood still, or its home was restored from a copy and does
// not know what was issued since. Somebody is told at once what has fallen due meanwhile, before any device lapses.
import type { Policy } from '../../domain/policy.ts';
import { formatDuration, type Instant, spanMs } from '../../domain/time.ts';
import type { Reader } from '../../ports/store.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { lastWritten } from './last-written.ts';

/** A stop for an update or a repair of the machine is nobody's alert. */
const unremarkableMs = 3_600_000;
/** Certificates counted; above it "at least" is said. */
const countedMax = 1_000;

/** Raises `ledger_stale` where the time since the last write exceeds the shortest overlap, or time between due date and end, in force. */
export async function alertOfStaleLedger(app: Changing & Pick<Context, 'policies'>): Promise<void> {
  const now = app.clock.now();
  const writtenAt = await lastWritten(app.store.read);
  if (writtenAt === null || now - writtenAt <= toleratedMs(app.policies.all())) return;
  const detail = [
    `the ledger was last written ${new Date(writtenAt).toISOString()}, ${formatDuration(now - writtenAt)} before this start:`,
    'the gateway was stopped, or its home was restored from a copy and knows no certificate issued since.',
    await whatFellDue(app.store.read, now),
  ].join(' ');
  await change(app, ({ alert }) =>
    alert({ kind: 'ledger_stale', subject: 'ledger', severity: 'warning', detail, owner: null }),
  );
}

function toleratedMs(policies: readonly Policy[]): number {
  const spans = policies.flatMap(({ lifetimeMs, overlap, renewAt }) => [
    spanMs(overlap, lifetimeMs),
    lifetimeMs - spanMs(renewAt, lifetimeMs),
  ]);
  return Math.max(unremarkableMs, Math.min(...spans));
}

/** Asked before the first sweep, so what fell due meanwhile has no renewal yet. In order of their ends, as they are offered. */
async function whatFellDue(read: Reader, now: Instant): Promise<string> {
  const due = await read.dueCertificates(now, countedMax);
  const [first] = due;
  if (!first) return 'No certificate that it knows fell due meanwhile.';
  const count = due.length === countedMax ? `at least ${countedMax}` : due.length;
  const end = `${first.notAfter <= now ? 'ended' : 'ends'} ${new Date(first.notAfter).toISOString()}`;
  return `Fell due meanwhile: ${count}; the first to end is that of ${first.principalId}, which ${end}`;
}
