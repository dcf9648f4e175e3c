// Tells a device what its renewal's state owes it, as planned in domain/prompting.ts: the offer, the certificate, or that all is done.
// Sent again it harms nothing; when nobody listens, the ledger keeps it until the device does.
import type { PrincipalId } from '../../domain/principal.ts';
import { afterSending, type PromptReason, planAnew, planPrompt } from '../../domain/prompting.ts';
import { isOpen, owed, type Renewal } from '../../domain/renewal.ts';
import type { DownWord } from '../../domain/topics.ts';
import type { Pace } from '../../ports/store.ts';
import { type Change, change, keepMove } from '../change.ts';
import type { Context } from '../context.ts';
import type { DeliveryProfile, Way } from '../renewal/delivery-profile.ts';
import { keepHeld, readHold, tellUrgent } from '../renewal/hold.ts';
import { lastChance } from '../renewal/last-chance.ts';
import type { WithRates } from '../renewal/token-bucket.ts';
import { listenersTo } from './delegations.ts';
import { isUsable, type PrepareContext, prepare } from './prepare.ts';
import { doneUnder, owedMessage, replacementMessage } from './replacement.ts';
import { type AskedOn, type Audience, type Said, sendEach } from './send-down.ts';

export type PromptContext = PrepareContext & WithRates;

/**
 * What came of it: somebody was told, or will be as soon as the replacement is made; nobody listens to it; there have been as many
 * offers as there may be now, and it is still owed; it waits for the renewal's next look; or nothing is owed.
 */
export type Told = 'told' | 'follows' | 'unheard' | 'queued' | 'waits' | 'nothing';

/** Why something is sent, on which way, and the effect that is settled with the change that it brings about. */
interface Occasion {
  readonly reason: PromptReason;
  readonly asked: AskedOn;
  readonly effect: Settling | null;
  /** Was its device just heard under the replacement? That is noted with what is told. */
  readonly heard: boolean;
  /** When it is recorded that it was sent: `soon` where nobody waits for that. */
  readonly pace: Pace;
  /** It was sent: somebody has taken it. */
  readonly onTaken?: () => void;
}

/** An effect that is carried out. */
export class Settling {
  readonly id: number;
  /** Is it settled? Else whoever carries it out has yet to settle it. */
  settled = false;

  constructor(id: number) {
    this.id = id;
  }
}

/** Sends what is owed under this renewal, and settles the occasion's effect where anything is kept of that. */
export async function prompt(app: PromptContext, renewalId: string, occasion: Occasion): Promise<Told> {
  const renewal = await app.store.read.renewal(renewalId);
  if (!renewal) return 'nothing';
  const { rates } = app;
  const what = owed(renewal);
  // An activation owes it, mostly before its device listens: it is told as soon as it does.
  if (what === 'done' && (await listenersTo(app, renewal.principalId, 'done')).length === 0) return 'unheard';
  const plan = planPrompt({
    renewal,
    reason: occasion.reason,
    hold: await readHold(app, renewal),
    isUsable: what === 'cert' && renewal.mode !== 'csr' && (await isUsable(app, renewal)),
    isHeard: what === 'offer' && (await listenersTo(app, renewal.principalId, 'offer')).length > 0,
    // The last, so that nothing is awaited between them and the plan.
    offers: { left: rates.offers.left, contended: rates.offers.contended },
  });
  switch (plan.kind) {
    case 'nothing':
      return 'nothing';
    case 'hold':
      await keepHeld(app, renewalId, plan.until);
      return 'waits';
    case 'queue':
      return 'queued';
    case 'prepare':
    case 'send':
      break;
  }
  if (plan.takesTurn) rates.offers.take();
  if (plan.overrides !== null) await tellUrgent(app, renewal, plan.overrides);
  if (plan.kind === 'send') return send(app, renewal, occasion, (delivery) => owedMessage(app, renewal, delivery));
  const prepared = await prepare(app, renewal.id);
  return prepared === 'made' ? 'follows' : prepared === 'hindered' ? 'waits' : prepared;
}

async function send(
  app: PromptContext,
  renewal: Renewal,
  { reason, asked, effect, heard, pace, onTaken }: Occasion,
  messageFor: (delivery: DeliveryProfile) => Promise<Said | null>,
): Promise<Told> {
  let said = false;
  const taken = await sendEach(app, renewal.principalId, asked, audienceOf(renewal), async (delivery) => {
    const message = await messageFor(delivery);
    said ||= message !== null;
    return message;
  });
  if (!said) return 'nothing';
  if (taken.size > 0) onTaken?.();
  // That nobody listens is known only where everybody was spoken to.
  if (taken.size > 0 || (asked === 'everywhere' && (effect !== null || isOpen(renewal)))) {
    // It was sent, and is sent again where that is lost.
    const keep = async (within: Change<Pick<Context, 'policies'>>): Promise<void> => {
      if (effect) await within.tx.complete(effect.id);
      await keepSent(within, renewal, taken, reason, heard);
    };
    await change(app, keep, null, isCarried(app, renewal.principalId) ? 'now' : pace);
    if (effect) effect.settled = true;
  }
  return taken.size > 0 ? 'told' : 'unheard';
}

/** A round of its gateway looks at what is recorded, and would send the same again in the meantime. */
function isCarried({ store }: PromptContext, id: PrincipalId): boolean {
  const principal = store.glance.principal(id);
  return principal !== null && store.glance.delegationsFor(id, principal.site).length > 0;
}

async function keepSent(
  within: Change<Pick<Context, 'policies'>>,
  sent: Renewal,
  taken: ReadonlySet<DownWord>,
  reason: PromptReason,
  heard: boolean,
) {
  const { app, tx, now } = within;
  const stored = await tx.renewal(sent.id);
  const principal = stored && (await tx.principal(stored.principalId));
  if (!stored || !principal) return;
  const renewal = heard && stored.heardAt === null ? { ...stored, heardAt: now } : stored;
  const sending = afterSending(renewal, sent.state, taken, reason, app.policies.of(principal), now);
  if (sending.kind === 'put') await tx.putRenewal(sending.renewal);
  if (sending.kind === 'move') await keepMove(within, sending.move);
}

/**
 * Only who speaks through the replacement has it in use: what still listens through the old one is told nothing of its end.
 * A gateway is told where it asked for the replacement: for others the device has to hear it itself.
 */
function audienceOf(renewal: Renewal): Audience {
  if (renewal.state !== 'activated') return { certificate: null, gateways: true };
  return { certificate: renewal.newFingerprint, gateways: renewal.via !== null };
}

/** Prompts a renewal on the way on which somebody has just begun to listen, or said hello, see {@link planAnew}. */
export async function promptAnew(
  app: PromptContext,
  renewal: Renewal,
  asked: Way,
  how: Partial<Pick<Occasion, 'heard' | 'pace' | 'onTaken'>> = {},
): Promise<Told> {
  switch (planAnew(renewal, asked, app.clock.now())) {
    case 'pause':
      return 'waits';
    case 'replacement':
      return sendReplacement(app, renewal.id, asked);
    case 'done':
      return sendDoneAgain(app, renewal, asked);
    case 'owed': {
      const told = await prompt(app, renewal.id, {
        reason: 'asked',
        asked,
        effect: null,
        heard: false,
        pace: 'now',
        ...how,
      });
      if (told === 'queued') await queueOffer(app, renewal.id);
      return told;
    }
  }
}

/** Sends the replacement of a renewal once more because its device asked again, whatever was acknowledged before. */
export async function sendReplacement(app: PromptContext, renewalId: string, asked: AskedOn): Promise<Told> {
  const renewal = await app.store.read.renewal(renewalId);
  if (!renewal || !isOpen(renewal)) return 'nothing';
  const occasion = { reason: 'asked', asked, effect: null, heard: false, pace: 'now' } as const;
  return send(app, renewal, occasion, (delivery) => replacementMessage(app, renewal, delivery));
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
    if (renewal) await tx.enqueue({ kind: 'prompt', renewalId, by: await lastChance(tx, renewal) });
  });
}
