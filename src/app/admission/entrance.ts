// The application as the broker's edge sees it: judges connects, takes what devices say, and hears who listens.
import { principalActor } from '../../domain/actor.ts';
import { enrollmentRoot, isUpWord, parseEnrollmentTopic, quotedTopic, topicLoggedMax } from '../../domain/topics.ts';
import { fingerprintOf } from '../../pki/x509.ts';
import { actingAs } from '../acting.ts';
import type { Context } from '../context.ts';
import { refuseGateway } from '../enrollment/act-for.ts';
import { onListening } from '../enrollment/answer.ts';
import { hears, judgeSpeaker } from '../enrollment/delegations.ts';
import { type ReceiveContext, receive } from '../enrollment/receive.ts';
import type { WithRounds } from '../enrollment/rounds.ts';
import { type Refused, sayError } from '../enrollment/send-down.ts';
import { isAnswered, maySpeak } from '../enrollment/throttle.ts';
import { deliveryProfileOf } from '../renewal/delivery-profile.ts';
import type { Entrance, Session } from '../session.ts';
import { admitConnect, noteTurnedAway } from './admit.ts';
import { carries } from './carries.ts';
import type { Contests } from './contests.ts';
import type { Disconnections } from './disconnections.ts';
import type { Knocks } from './knocks.ts';
import { mayLeaveWill } from './left-wills.ts';
import { noteControl, noteRoot } from './note-root.ts';
import type { Presences } from './presences.ts';
import type { WithRootChanges } from './root-changes.ts';
import type { Seen } from './seen.ts';
import type { TroubledAddresses } from './troubled-addresses.ts';

type EntranceContext = ReceiveContext &
  WithRootChanges &
  WithRounds & {
    readonly knocks: Knocks;
    readonly contests: Contests;
    readonly disconnections: Disconnections;
    readonly troubledAddresses: TroubledAddresses;
    readonly presences: Presences;
  };

export function entranceOf(app: EntranceContext, seen: Seen): Entrance {
  return {
    admit: async (facts) => {
      const admission = await admitConnect(app, facts);
      if (admission.admitted) {
        await noteRoot(app, admission.session);
        seen.note(admission.session.fingerprint, admission.session.principal.id, app.clock.now());
      } else app.knocks.note(admission.reason, facts, app.clock.now());
      return admission;
    },
    // Whoever an anchor introduced is not known to be who it says.
    knows: async ({ der }) => der !== null && (await app.store.read.certificate(fingerprintOf(der))) !== null,
    cameToControl: (presented, address) => noteControl(app, presented, address),
    turnedAway: (presented, reason) => noteTurnedAway(app, presented, reason),
    tenureMs: (session, takeover) => app.contests.tenureMs(session, takeover),
    tookOver: (session, takeover) => {
      if (!session.introduced) app.contests.tookOver(session, takeover);
    },
    came: ({ introduced, principal }) => {
      if (introduced) return;
      app.presences.came(principal.id);
      app.disconnections.came(principal.id);
    },
    left: ({ introduced, principal }, end) => {
      if (introduced) return;
      app.presences.left(principal.id);
      app.disconnections.ended(principal.id, end);
    },
    receive: (session, topic, payload) => {
      const { principal, introduced } = session;
      // What comes of it is the doing of who sent it: of the site gateway, where one speaks for a device.
      return receive(actingAs(app, principalActor(principal.id, introduced)), session, topic, payload);
    },
    listening: (session, bySubscribe) => {
      const { id, kind } = session.principal;
      // Who subscribes again and again is sent no more than who says hello again and again.
      if (!maySpeak(app.throttles, id, id, app.clock.now())) return;
      onListening(app, session, bySubscribe).catch((error: unknown) => tellFailure(app, session, error));
      if (kind === 'gateway' && session.lane === 'full') app.rounds.begin(id);
    },
    hears: (session, topic) => hears(app, session, topic),
    carries: (session, device) => carries(app, session, device),
    mayLeaveWill: (session, topic) => mayLeaveWill(app, session, topic),
    denied: (session, action, topic) => tellDenied(app, session, action, topic),
    keptOut: (address, reason) => app.troubledAddresses.note(address, reason),
    oversized: (session, topic, bytes) => tellOversized(app, session, topic, bytes),
  };
}

function tellFailure(app: Pick<Context, 'decisions'>, session: Session, error: unknown): void {
  app.decisions.tell({
    action: 'effect.failed',
    level: 'error',
    message: `${session.principal.id}: could not send what it is owed; the next sweep will`,
    fields: { 'error.message': error instanceof Error ? error.message : String(error) },
  });
}

function tellDenied(app: EntranceContext, session: Session, action: 'publish' | 'subscribe', topic: string): void {
  const { id } = session.principal;
  app.decisions.tell({
    action: 'access.denied',
    level: 'warn',
    reason: action,
    message: `${id} may not ${action} on ${quotedTopic(topic)}`,
    fields: { 'nolapse.principal': id, 'nolapse.topic': topic.slice(0, topicLoggedMax), 'nolapse.lane': session.lane },
  });
  if (action !== 'publish') return;
  answerDenied(app, session, topic).catch((error: unknown) => tellFailure(app, session, error));
}

async function answerDenied(app: EntranceContext, session: Session, topic: string): Promise<void> {
  const { id, kind } = session.principal;
  const address = parseEnrollmentTopic(topic);
  if (kind === 'gateway' && address && address.id !== id && isUpWord(address.word)) {
    const verdict = judgeSpeaker(app, session, address.id);
    if (!verdict.allowed) return refuseGateway(app, { gateway: id, device: address.id }, verdict);
  }
  // What it may not say takes nothing of what it may: behind a bridge there are others who publish on its topics.
  if (!isAnswered(app.throttles, id, id, false, app.clock.now())) return;
  const error = { code: 'not_authorized', detail: 'not a topic of yours to publish on' } as const;
  await sayError(app, id, await deliveryProfileOf(app, id), error, askingOn(session, topic));
}

/** Whose renewal a message was about that went no further; none, where it was not on an enrollment topic. */
function askingOn({ principal: { id, kind } }: Session, topic: string): Refused {
  // On a gateway's topics others publish too, behind a bridge.
  return topic.startsWith(enrollmentRoot) && kind !== 'gateway' ? { id, via: null } : null;
}

function tellOversized(app: EntranceContext, session: Session, topic: string, bytes: number): void {
  const { id } = session.principal;
  app.decisions.tell({
    action: 'message.dropped',
    reason: 'packet_too_large',
    message: `${id}: a message of ${bytes} bytes on ${quotedTopic(topic)} was acknowledged and dropped: it is larger than limits.packetBytes`,
    fields: {
      'nolapse.principal': id,
      'nolapse.client_id': session.clientId,
      'nolapse.topic': topic.slice(0, topicLoggedMax),
      'nolapse.packet.bytes': bytes,
    },
  });
  // Not at the cost of what it may say and be answered about its renewal.
  if (!app.throttles.oversized.take(id, app.clock.now())) return;
  answerOversized(app, session, topic, bytes).catch((error: unknown) => tellFailure(app, session, error));
}

async function answerOversized(app: EntranceContext, session: Session, topic: string, bytes: number): Promise<void> {
  const { id } = session.principal;
  const detail = `a message of ${bytes} bytes is larger than the gateway takes: it was acknowledged and dropped`;
  const error = { code: 'message_too_large', detail } as const;
  await sayError(app, id, await deliveryProfileOf(app, id), error, askingOn(session, topic));
}
