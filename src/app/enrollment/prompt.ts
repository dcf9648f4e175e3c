// Tells a device what its renewal's state owes it: the offer, the certificate, or that all is done. Sent again it harms
// nothing; when nobody listens, the ledger keeps it until the device does.
import type { DownMessage } from '../../domain/message.ts';
import { retryFloorMs } from '../../domain/policy.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { awaitDevice, holdsCertificate, isOpen, owed, type Renewal, sentAgain } from '../../domain/renewal.ts';
import { toSeconds } from '../../domain/time.ts';
import { type Change, change, step } from '../change.ts';
import { type App, policyOf } from '../context.ts';
import { holdOf, keepHeld, tellUrgent } from '../renewal/hold.ts';
import { lastChance } from '../renewal/last-chance.ts';
import { listenersTo } from './delegations.ts';
import { awaitsRequest, prepare } from './prepare.ts';
import { offerOf, replacementOf } from './replacement.ts';
import { fitted, type Hearers, type Manner, mannerOf, sendDown } from './send-down.ts';

/** Why something is sent: its time had come, or its device listens or asked. */
type Reason = 'due' | 'asked';

/**
 * Sends what is owed under this renewal now, and records that it was sent.
 * @returns false where that is an offer, and there have been as many of them as there may be: it is still owed.
 */
export async function prompt(app: App, renewalId: string, reason: Reason = 'due'): Promise<boolean> {
  const renewal = await app.store.read.renewal(renewalId);
  if (!renewal) return true;
  const hold = await holdOf(app, renewal);
  if (hold.kind === 'held') {
    await keepHeld(app, renewalId, hold.until);
    return true;
  }
  // An offer that nobody would hear takes nobody's turn.
  if (owed(renewal) === 'offer' && listenersTo(app, renewal.principalId, 'offer').length > 0) {
    if (!takesTurn(app, reason)) return false;
    if (hold.kind === 'urgent') await tellUrgent(app, renewal, hold.campaign);
  }
  if (await awaitsRequest(app, renewal)) await prepare(app, renewal.id);
  else {
    const manner = await mannerOf(app, renewal.principalId);
    await send(app, renewal, manner, await messageFor(app, renewal, manner), reason);
  }
  return true;
}

/** Who asks comes after those who wait: they have less time, or asked before. */
function takesTurn({ rates }: App, reason: Reason): boolean {
  return (reason === 'due' || !rates.offers.contended) && rates.offers.take();
}

/** Sends the replacement of a renewal once more because its device asked again, whatever was acknowledged before. */
export async function sendReplacement(app: App, renewalId: string): Promise<void> {
  const renewal = await app.store.read.renewal(renewalId);
  if (!renewal || !isOpen(renewal)) return;
  const manner = await mannerOf(app, renewal.principalId);
  await send(app, renewal, manner, await replacementMessage(app, renewal, manner), 'asked');
}

async function send(
  app: App,
  renewal: Renewal,
  manner: Manner,
  message: DownMessage | null,
  reason: Reason,
): Promise<void> {
  if (!message) return;
  const taken = await sendDown(app, renewal.principalId, manner, message, hearersOf(renewal, message.word));
  await change(app, (within) => keepSent(within, renewal, message.word, taken > 0 ? reason : null));
}

/**
 * Only who speaks through the replacement has it in use: what still listens through the old one is told nothing of its end.
 * A gateway is told where it asked for the replacement: for others the device has to hear it itself.
 */
function hearersOf(renewal: Renewal, word: DownMessage['word']): Hearers {
  if (word !== 'done') return { certificate: null, gateways: true };
  return { certificate: renewal.newFingerprint, gateways: renewal.via !== null };
}

/** Prompts the principal's current renewal: it has just begun to listen, or said hello. */
export async function promptPrincipal(app: App, id: PrincipalId): Promise<void> {
  const renewal = await app.store.read.currentRenewal(id);
  if (!renewal || owed(renewal) === null) return;
  // A device that reported a failure is offered again when its pause is over, not at each of its reconnects.
  if (renewal.state === 'failed' && (renewal.nextAt ?? 0) > app.clock.now()) return;
  if (!(await prompt(app, renewal.id, 'asked'))) await queueOffer(app, renewal.id);
}

/** Has an offer wait for its turn in the ledger. */
export async function queueOffer(app: App, renewalId: string): Promise<void> {
  await app.store.transact(async (tx) => {
    const renewal = await tx.renewal(renewalId);
    if (renewal) await tx.owe({ kind: 'prompt', renewalId, by: await lastChance(tx, renewal) });
  });
}

/**
 * Sends what is owed to a principal that said hello; the replacement once more, where it was installed and did not last; and that all
 * is done once more, where it was told a while ago and may have been missed.
 */
export async function answerHello(app: App, id: PrincipalId): Promise<void> {
  const renewal = await app.store.read.currentRenewal(id);
  if (renewal?.state === 'installed') return sendReplacement(app, renewal.id);
  if (renewal?.state !== 'activated' || renewal.confirmedAt === null) return promptPrincipal(app, id);
  // Right after it was told, the hello has only crossed it.
  if (app.clock.now() < renewal.confirmedAt + retryFloorMs) return;
  await sendDown(app, id, await mannerOf(app, id), doneUnder(app, renewal), hearersOf(renewal, 'done'));
}

function doneUnder(app: App, { id, nextAt }: Renewal): DownMessage {
  return { word: 'done', renewal: id, retires: toSeconds(nextAt ?? app.clock.now()) };
}

async function messageFor(app: App, renewal: Renewal, manner: Manner): Promise<DownMessage | null> {
  switch (owed(renewal)) {
    case 'offer':
      return offerOf(app, renewal, null);
    case 'cert':
      return replacementMessage(app, renewal, manner);
    case 'done':
      return doneUnder(app, renewal);
    case null:
      return null;
  }
}

/** The certificate with its chain to a device that asked for it and can take it whole; else the offer of what it may fetch. */
async function replacementMessage(app: App, renewal: Renewal, manner: Manner): Promise<DownMessage | null> {
  const replacement = await replacementOf(app, renewal);
  if (!replacement) return null;
  if (renewal.mode === 'csr') {
    const certificates = [replacement, ...app.authority.chain];
    const whole = { word: 'cert', renewal: renewal.id, certificates } as const;
    if (fitted(renewal.principalId, manner, whole)) return whole;
  }
  return offerOf(app, renewal, replacement);
}

/** What a device brings about by listening and asking is kept and told once: it may do so as often as it likes. */
async function keepSent(within: Change, sent: Renewal, word: DownMessage['word'], taken: Reason | null): Promise<void> {
  const { app, tx, now } = within;
  const renewal = await tx.renewal(sent.id);
  const principal = renewal && (await tx.principal(renewal.principalId));
  if (!renewal || !principal || renewal.state !== sent.state) return;
  // Installed it stays, and since when: the next move is the device's.
  if (renewal.state === 'installed') return;
  if (!taken) {
    if (isOpen(renewal)) await tx.putRenewal(awaitDevice(renewal));
    return;
  }
  if (word === 'done') {
    await step(within, renewal, { type: 'confirmed' }, principal, 'confirmed to the device');
    return;
  }
  const policy = policyOf(app, principal);
  if (taken === 'asked' && renewal.state === 'offered') {
    await tx.putRenewal(sentAgain(renewal, policy, now, taken));
    return;
  }
  const transition = await step(within, renewal, { type: word === 'cert' ? 'delivered' : 'offered' }, principal);
  const current = transition.kind === 'changed' ? transition.renewal : renewal;
  if (holdsCertificate(current)) await tx.putRenewal(sentAgain(current, policy, now, taken));
}
