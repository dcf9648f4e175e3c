// Gives alerts their life within a change: what is found again and is as it was is told to nobody, and what has become of one is
// recorded and put before every sink in the same transaction.
import {
  type Alert,
  type AlertName,
  type AlertStep,
  acknowledge,
  alertKinds,
  clear,
  type Finding,
  find,
  isFresh,
  principalOf,
} from '../domain/alert.ts';
import type { Instant } from '../domain/time.ts';
import type { Transaction } from '../ports/store.ts';

/** What changing an alert takes of a change. */
export interface AlertContext {
  readonly tx: Transaction;
  readonly now: Instant;
  /** Names of the sinks that are told. */
  readonly sinks: readonly string[];
}

/** It was found to be so. */
export async function raiseWithin(within: AlertContext, finding: Finding): Promise<void> {
  const known = await within.tx.alert(finding.kind, finding.subject);
  const step = find(known, finding, within.now);
  if (step.event !== null) return take(within, step);
  const isEvent = alertKinds[finding.kind].quietMs !== null;
  if (known && isEvent && !isFresh(known, within.now)) await within.tx.putAlert(step.alert);
}

/** It is no longer so. There need not be an alert. */
export async function clearWithin(within: AlertContext, { kind, subject }: AlertName): Promise<void> {
  const known = await within.tx.alert(kind, subject);
  if (known) await take(within, clear(known, within.now));
}

/** Somebody takes it on. */
export function acknowledgeWithin(within: AlertContext, alert: Alert, by: string): Promise<void> {
  return take(within, acknowledge(alert, by, within.now));
}

async function take({ tx, now, sinks }: AlertContext, { alert, event }: AlertStep): Promise<void> {
  if (event === null) return;
  await tx.putAlert(alert);
  await tx.record({
    at: now,
    action: `alert.${event}`,
    principalId: principalOf(alert),
    renewalId: null,
    detail: `${alert.kind} ${alert.severity}: ${alert.subject}: ${alert.detail}`,
  });
  for (const sink of sinks) await tx.notify(sink, event, alert, now);
}
