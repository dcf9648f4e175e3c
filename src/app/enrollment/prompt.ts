// Tells a device what its renewal's state owes it: the offer, the certificate, or that all is done. Sent again it harms
// nothing; when nobody listens, the ledger keeps it until the device does.
import type { DownMessage } from '../../domain/message.ts';
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
 * What came of it: somebody was told, or will be as soon as the replacement is made; nobody listens to it; there have been as many
 * offers as there may be now, and it is still owed; it waits for the renewal's next look; or nothing is owed.
 */
export type Told = 'told' | 'follows' | 'unheard' | 'queued' | 'waits' | 'nothing';

/** Sends what is owed under this renewal now, and records that it was sent. */
export async function prompt(app: App, renewalId: string, reason: Reason = 'due'): Promise<Told> {
  const renewal = await app.store.read.renewal(renewalId);
  if (!renewal) return 'nothing';
  const hold = await holdOf(app, renewal);
  if (hold.kind === 'held') {
    await keepHeld(app, renewalId, hold.until);
    return 'waits';
  }
  // An offer that nobody would hear takes nobody's turn.
  if (owed(renewal) === 'offer' && listenersTo(app, renewal.principalId, 'offer').length > 0) {
    if (!takesTurn(app, reason)) return 'queued';
    if (hold.kind === 'urgent') await tellUrgent(app, renewal, hold.campaign);
  }
  if (await awaitsRequest(app, renewal)) {
    const prepared = await prepare(app, renewal.id);
    return prepared === 'made' ? 'follows' : prepared === 'hindered' ? 'waits' : prepared;
  }
  const manner = await mannerOf(app, renewal.principalId);
  return send(app, renewal, manner, await messageFor(app, renewal, manner), reason);
}

/** Who asks comes after those who wait: they have less time, or asked before. */
function takesTurn({ rates }: App, reason: Reason): boolean {
  return (reason === 'due' || !rates.offers.contended) && rates.offers.take();
}

/** Sends the replacement of a renewal once more because its device asked again, whatever was acknowledged before. */
export async function sendReplacement(app: App, renewalId: string): Promise<Told> {
  const renewal = await app.store.read.renewal(renewalId);
  if (!renewal || !isOpen(renewal)) return 'nothing';
  const manner = await mannerOf(app, renewal.principalId);
  return send(app, renewal, manner, await replacementMessage(app, renewal, manner), 'asked');
}

async function send(
  app: App,
  renewal: Renewal,
  manner: Manner,
  message: DownMessage | null,
  reason: Reason,
): Promise<Told> {
  if (!message) return 'nothing';
  const taken = await sendDown(app, renewal.principalId, manner, message, hearersOf(renewal, message.word));
  await change(app, (within) => keepSent(within, renewal, message.word, taken > 0 ? reason : null));
  return taken > 0 ? 'told' : 'unheard';
}

/**
 * Only who speaks through the replacement has it in use: what still listens through the old one is told nothing of its end.
 * A gateway is told where it asked for the replacement: for others the device has to hear it itself.
 */
function hearersOf(renewal: Renewal, word: DownMessage['word']): Hearers {
  if (word !== 'done') return { certificate: null, gateways: true };
  return { certificate: renewal.newFingerprint, gateways: renewal.via !== null };
}

/**
 * Prompts a renewal whose device has just begun to listen, or said hello: with what is owed, or once more with what was sent before and
 * may have been lost.
 */
export async function promptAnew(app: App, renewal: Renewal): Promise<Told> {
  // A device that reported a failure is offered again when its pause is over, not at each of its reconnects.
  if (renewal.state === 'failed' && (renewal.nextAt ?? 0) > app.clock.now()) return 'waits';
  if (renewal.state === 'requested') return 'waits';
  if (renewal.state === 'installed') return sendReplacement(app, renewal.id);
  if (renewal.state === 'activated' && renewal.confirmedAt !== null) return sendDoneAgain(app, renewal);
  const told = await prompt(app, renewal.id, 'asked');
  if (told === 'queued') await queueOffer(app, renewal.id);
  return told;
}

/** That all is done, to who may have missed it. */
async function sendDoneAgain(app: App, renewal: Renewal): Promise<Told> {
  const manner = await mannerOf(app, renewal.principalId);
  const taken = await sendDown(app, renewal.principalId, manner, doneUnder(app, renewal), hearersOf(renewal, 'done'));
  return taken > 0 ? 'told' : 'unheard';
}

/** Has an offer wait for its turn in the ledger. */
export async function queueOffer(app: App, renewalId: string): Promise<void> {
  await app.store.transact(async (tx) => {
    const renewal = await tx.renewal(renewalId);
    if (renewal) await tx.owe({ kind: 'prompt', renewalId, by: await lastChance(tx, renewal) });
  });
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
