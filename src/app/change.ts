// One change of the ledger: a transaction, the time it happens at, and what is told about it once it is committed.
import type { Actor } from '../domain/actor.ts';
import type { AlertName, Condition } from '../domain/alert.ts';
import type { PrincipalId } from '../domain/principal.ts';
import type { Move, Renewal, RenewalEvent, Transition } from '../domain/renewal.ts';
import { advance, isOpen } from '../domain/renewal.ts';
import type { Instant } from '../domain/time.ts';
import type { Pace, Transaction } from '../ports/store.ts';
import { clearWithin, handOverWithin, raiseWithin } from './alert.ts';
import type { Context } from './context.ts';
import type { PolicySubject } from './policies.ts';

/** A record kept in the ledger's journal and told in the log. */
interface Happening {
  readonly action: string;
  readonly message: string;
  readonly principalId?: PrincipalId;
  readonly renewalId?: string;
  readonly level?: 'debug' | 'info' | 'warn' | 'error';
  readonly reason?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** What every change takes: on whose behalf, the ledger, the time, and who is told. */
export type Changing = Pick<Context, 'actor' | 'store' | 'clock' | 'decisions' | 'sinks'>;

/** `More` is what the change has at hand beside that. */
export interface Change<More = unknown> {
  readonly app: Changing & More;
  readonly tx: Transaction;
  readonly now: Instant;
  /** Who brings it about. */
  readonly actor: Actor;
  /** Records it with the change and tells it after the commit. */
  record(happening: Happening): Promise<void>;
  /** Runs once the change is committed, and only then. It must not throw. */
  afterwards(work: () => void): void;
  /** An alert is to stand for this. Sinks are told of what has changed with it, once it is committed. */
  alert(condition: Condition): Promise<void>;
  /** This principal has another owner, or none: so have its alerts. */
  handOver(id: PrincipalId, owner: string): Promise<void>;
  /** No alert is to stand under this name any more. */
  clearAlert(name: AlertName): Promise<void>;
}

/**
 * Runs one change. What it records, and the alerts it raises, are told only if it was committed.
 * @param via the gateway that brings it about in the name of a device: everything recorded says so.
 */
export async function change<Given extends Changing, T>(
  app: Given,
  work: (change: Change<Given>) => Promise<T>,
  via: PrincipalId | null = null,
  pace: Pace = 'now',
): Promise<T> {
  let after: (() => void)[] = [];
  const result = await app.store.transact((tx) => {
    after = [];
    const now = app.clock.now();
    const { actor } = app;
    const told = toldOf(actor);
    const alerts = { tx, now, actor, sinks: [...app.sinks.keys()] };
    return work({
      app,
      tx,
      now,
      actor,
      record: async (happening) => {
        const { action, principalId, renewalId, fields, ...rest } = happening;
        const message = via ? `${happening.message}, through ${via}` : happening.message;
        await tx.record({
          at: now,
          action,
          principalId: principalId ?? null,
          renewalId: renewalId ?? null,
          detail: message,
          actor,
        });
        const named = {
          ...(principalId && { 'nolapse.principal': principalId }),
          ...(renewalId && { 'nolapse.renewal': renewalId }),
          ...(via && { 'nolapse.gateway': via }),
          ...told,
        };
        after.push(() => app.decisions.tell({ action, ...rest, message, fields: { ...named, ...fields } }));
      },
      afterwards: (work) => void after.push(work),
      alert: (condition) => raiseWithin(alerts, condition),
      handOver: (id, owner) => handOverWithin(alerts, id, owner),
      clearAlert: (name) => clearWithin(alerts, name),
    });
  }, pace);
  for (const tell of after) tell();
  return result;
}

/** What the log says of an operator. Whoever else acts is clear from the line. */
function toldOf({ name, channel, reason }: Actor): Readonly<Record<string, string>> {
  if (channel !== 'command line' && channel !== 'control socket' && channel !== 'api') return {};
  return { 'nolapse.actor': name, ...(reason !== null && { 'nolapse.actor_reason': reason }) };
}

/** The device has its key, or could not use it, or never will. */
function endsEnvelope({ type }: RenewalEvent): boolean {
  return ['installed', 'failed', 'activated', 'cancelled', 'closed'].includes(type);
}

/** Has its device got on, so that what it was refused before is over? */
function movesOn({ type }: RenewalEvent): boolean {
  return ['requested', 'issued', 'delivered', 'installed', 'activated'].includes(type);
}

/** Applies an event to a renewal within a change, and keeps and records what it changed. */
export async function step(
  within: Change<Pick<Context, 'policies'>>,
  renewal: Renewal,
  event: RenewalEvent,
  principal: PolicySubject,
  detail = '',
): Promise<Transition> {
  const transition = advance(renewal, event, within.app.policies.of(principal), within.now);
  if (transition.kind === 'changed') {
    await keepMove(within, { before: renewal, after: transition.renewal, event, detail });
  }
  return transition;
}

/** Keeps within a change what an event has made of a renewal, and records it. */
export async function keepMove({ tx, now, record }: Change, { before, after, event, detail }: Move): Promise<void> {
  const { id: renewalId, principalId, mode } = before;
  await tx.putRenewal(after);
  if (movesOn(event)) await tx.settleRefusals(renewalId, now);
  // Nobody will send the rest of a request under a renewal that has ended.
  if (isOpen(before) && !isOpen(after)) await tx.dropUploads(renewalId);
  if (mode === 'keygen' && endsEnvelope(event)) await tx.dropEnvelope(renewalId);
  await record({
    action: `renewal.${event.type}`,
    message: `${principalId}: renewal ${detail || event.type}`,
    principalId,
    renewalId,
    ...(event.type === 'failed' && { reason: event.code, level: 'warn' as const }),
    fields: { ...(after.newFingerprint && { 'tls.client.hash.sha256': after.newFingerprint }) },
  });
}
