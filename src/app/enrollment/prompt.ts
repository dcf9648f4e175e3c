// Tells a device what its renewal's state owes it: the offer, the certificate, or that all is done. Sent again it harms
// nothing; when nobody listens, the ledger keeps it until the device does.
import {
  awaitDevice,
  holdsCertificate,
  isOpen,
  isPaused,
  owed,
  type Renewal,
  sentAgain,
} from '../../domain/renewal.ts';
import { toSeconds } from '../../domain/time.ts';
import type { DownWord } from '../../domain/topics.ts';
import { type Change, change, step } from '../change.ts';
import { type Context, policyOf } from '../context.ts';
import { holdOf, keepHeld, tellUrgent } from '../renewal/hold.ts';
import { lastChance } from '../renewal/last-chance.ts';
import { fitted, type Manner, type Way } from '../renewal/manner.ts';
import type { WithRates } from '../renewal/rate.ts';
import { chainFor } from '../trust.ts';
import { listenersTo } from './delegations.ts';
import { awaitsRequest, type PrepareContext, prepare } from './prepare.ts';
import { offerOf, replacementOf } from './replacement.ts';
import { type AskedOn, type Audience, type Said, sendEach } from './send-down.ts';

export type PromptContext = PrepareContext & WithRates;

/** Why something is sent: its time had come, or its device listens or asked. */
type Reason = 'due' | 'asked';

/**
 * What came of it: somebody was told, or will be as soon as the replacement is made; nobody listens to it; there have been as many
 * offers as there may be now, and it is still owed; it waits for the renewal's next look; or nothing is owed.
 */
export type Told = 'told' | 'follows' | 'unheard' | 'queued' | 'waits' | 'nothing';

/** Sends what is owed under this renewal now, on every way or on the one it was asked on, and records that it was sent. */
export async function prompt(
  app: PromptContext,
  renewalId: string,
  reason: Reason = 'due',
  asked: AskedOn = 'everywhere',
): Promise<Told> {
  const renewal = await app.store.read.renewal(renewalId);
  if (!renewal) return 'nothing';
  const hold = await holdOf(app, renewal);
  if (hold.kind === 'held') {
    await keepHeld(app, renewalId, hold.until);
    return 'waits';
  }
  // An offer that nobody would hear takes nobody's turn.
  if (owed(renewal) === 'offer' && (await listenersTo(app, renewal.principalId, 'offer')).length > 0) {
    if (!takesTurn(app, reason)) return 'queued';
    if (hold.kind === 'urgent') await tellUrgent(app, renewal, hold.campaign);
  }
  if (await awaitsRequest(app, renewal)) {
    const prepared = await prepare(app, renewal.id);
    return prepared === 'made' ? 'follows' : prepared === 'hindered' ? 'waits' : prepared;
  }
  return send(app, renewal, reason, asked, (manner) => messageFor(app, renewal, manner));
}

/** Who asks comes after those who wait: they have less time, or asked before. */
function takesTurn({ rates }: WithRates, reason: Reason): boolean {
  return (reason === 'due' || !rates.offers.contended) && rates.offers.take();
}

/** Sends the replacement of a renewal once more because its device asked again, whatever was acknowledged before. */
export async function sendReplacement(app: PromptContext, renewalId: string, asked: AskedOn): Promise<Told> {
  const renewal = await app.store.read.renewal(renewalId);
  if (!renewal || !isOpen(renewal)) return 'nothing';
  return send(app, renewal, 'asked', asked, (manner) => replacementMessage(app, renewal, manner));
}

async function send(
  app: PromptContext,
  renewal: Renewal,
  reason: Reason,
  asked: AskedOn,
  messageFor: (manner: Manner) => Promise<Said | null>,
): Promise<Told> {
  let said = false;
  const taken = await sendEach(app, renewal.principalId, asked, audienceOf(renewal), async (manner) => {
    const message = await messageFor(manner);
    said ||= message !== null;
    return message;
  });
  if (!said) return 'nothing';
  // That nobody listens is known only where everybody was spoken to.
  if (taken.size > 0 || asked === 'everywhere') {
    await change(app, (within) => keepSent(within, renewal, taken, reason));
  }
  return taken.size > 0 ? 'told' : 'unheard';
}

/**
 * Only who speaks through the replacement has it in use: what still listens through the old one is told nothing of its end.
 * A gateway is told where it asked for the replacement: for others the device has to hear it itself.
 */
function audienceOf(renewal: Renewal): Audience {
  if (renewal.state !== 'activated') return { certificate: null, gateways: true };
  return { certificate: renewal.newFingerprint, gateways: renewal.via !== null };
}

/**
 * Prompts a renewal on the way on which somebody has just begun to listen, or said hello: with what is owed, or once more with what was
 * sent before and may have been lost.
 */
export async function promptAnew(app: PromptContext, renewal: Renewal, asked: Way): Promise<Told> {
  // A device that reported a failure is offered again when its pause is over, not at each of its reconnects.
  if (isPaused(renewal, asked, app.clock.now())) return 'waits';
  if (renewal.state === 'installed') return sendReplacement(app, renewal.id, asked);
  if (renewal.state === 'activated' && renewal.confirmedAt !== null) return sendDoneAgain(app, renewal, asked);
  const told = await prompt(app, renewal.id, 'asked', asked);
  if (told === 'queued') await queueOffer(app, renewal.id);
  return told;
}

/** That all is done, to who may have missed it. */
async function sendDoneAgain(app: PromptContext, renewal: Renewal, asked: Way): Promise<Told> {
  const { principalId } = renewal;
  const taken = await sendEach(app, principalId, asked, audienceOf(renewal), async () => doneUnder(app, renewal));
  return taken.size > 0 ? 'told' : 'unheard';
}

/** Has an offer wait for its turn in the ledger. */
export async function queueOffer(app: Pick<Context, 'store'>, renewalId: string): Promise<void> {
  await app.store.transact(async (tx) => {
    const renewal = await tx.renewal(renewalId);
    if (renewal) await tx.owe({ kind: 'prompt', renewalId, by: await lastChance(tx, renewal) });
  });
}

function doneUnder(app: Pick<Context, 'clock'>, { id, nextAt }: Renewal): Said {
  return { word: 'done', renewal: id, retires: toSeconds(nextAt ?? app.clock.now()) };
}

async function messageFor(
  app: Pick<Context, 'store' | 'authority' | 'clock'>,
  renewal: Renewal,
  manner: Manner,
): Promise<Said | null> {
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
async function replacementMessage(
  app: Pick<Context, 'store' | 'authority' | 'clock'>,
  renewal: Renewal,
  manner: Manner,
): Promise<Said | null> {
  const replacement = await replacementOf(app, renewal);
  if (!replacement) return null;
  if (renewal.mode === 'csr') {
    const certificates = [replacement, ...chainFor(app, replacement)];
    const whole = { word: 'cert', renewal: renewal.id, certificates } as const;
    if (fitted(renewal.principalId, manner, whole)) return whole;
  }
  return offerOf(app, renewal, replacement);
}

/** What a device brings about by listening and asking is kept and told once: it may do so as often as it likes. */
async function keepSent(
  within: Change<Pick<Context, 'policies'>>,
  sent: Renewal,
  taken: ReadonlySet<DownWord>,
  reason: Reason,
): Promise<void> {
  const { app, tx, now } = within;
  const renewal = await tx.renewal(sent.id);
  const principal = renewal && (await tx.principal(renewal.principalId));
  if (!renewal || !principal || renewal.state !== sent.state) return;
  // Installed it stays, and since when: the next move is the device's.
  if (renewal.state === 'installed') return;
  if (taken.size === 0) {
    if (isOpen(renewal)) await tx.putRenewal(awaitDevice(renewal));
    return;
  }
  if (taken.has('done')) {
    await step(within, renewal, { type: 'confirmed' }, principal, 'confirmed to the device');
    return;
  }
  const policy = policyOf(app, principal);
  if (reason === 'asked' && renewal.state === 'offered') {
    await tx.putRenewal(sentAgain(renewal, policy, now, reason));
    return;
  }
  const transition = await step(within, renewal, { type: taken.has('cert') ? 'delivered' : 'offered' }, principal);
  const current = transition.kind === 'changed' ? transition.renewal : renewal;
  if (holdsCertificate(current)) await tx.putRenewal(sentAgain(current, policy, now, reason));
}
