// Gives alerts their life within a change: what is found again and is as it was is told to nobody, and what has become of one is
// recorded and put before every sink in the same transaction.
import type { Actor } from '../domain/actor.ts';
import {
  type Alert,
  type AlertName,
  type AlertStep,
  acknowledge,
  alertKinds,
  type Condition,
  clear,
  handOver,
  isFresh,
  marksLeft,
  observe,
  principalOf,
} from '../domain/alert.ts';
import type { PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';
import type { Transaction } from '../ports/store.ts';

/** What changing an alert takes of a change. */
export interface AlertContext {
  readonly tx: Transaction;
  readonly now: Instant;
  readonly actor: Actor;
  /** Names of the sinks that are told. */
  readonly sinks: readonly string[];
}

/** It was found to be so. */
export async function raiseWithin(within: AlertContext, condition: Condition): Promise<void> {
  const known = await within.tx.alert(condition.kind, condition.subject);
  const step = observe(known, condition, within.now);
  if (step.event !== null) return takeStep(within, known, step);
  const isEvent = alertKinds[condition.kind].quietMs !== null;
  if (known && isEvent && !isFresh(known, within.now)) await within.tx.putAlert(step.alert);
}

/** It is no longer so. There need not be an alert. */
export async function clearWithin(within: AlertContext, { kind, subject }: AlertName): Promise<void> {
  const known = await within.tx.alert(kind, subject);
  if (known) await takeStep(within, known, clear(known, within.now));
}

/** Somebody takes it on. */
export function acknowledgeWithin(within: AlertContext, alert: Alert, by: string): Promise<void> {
  return takeStep(within, alert, acknowledge(alert, by, within.now));
}

/** A principal has another owner: its open alerts are the new one's at once, and not when they are found again. */
export async function handOverWithin(within: AlertContext, id: PrincipalId, owner: string): Promise<void> {
  for (const alert of await within.tx.openAlertsOf(id)) {
    await takeStep(within, alert, handOver(alert, owner || null, within.now));
  }
}

async function takeStep({ tx, now, actor, sinks }: AlertContext, known: Alert | null, step: AlertStep): Promise<void> {
  const { alert, event } = step;
  if (event === null) return;
  await tx.putAlert(alert);
  await tx.record({
    at: now,
    action: `alert.${event}`,
    principalId: principalOf(alert),
    renewalId: null,
    detail: `${alert.kind} ${alert.severity}: ${alert.subject}: ${alert.detail}`,
    actor,
  });
  const was = marksLeft(known, step);
  for (const sink of sinks) await tx.notify(sink, event, { ...alert, ...(was && { was }) }, now);
}
