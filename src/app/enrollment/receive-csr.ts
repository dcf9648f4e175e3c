// A device asks for its replacement: the request is held against renewal, profile, inventory and ledger, settled down to
// its serial, and kept before anything is signed. The same key again is the same request.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { CsrMessage } from '../../domain/message.ts';
import type { Principal } from '../../domain/principal.ts';
import { advance, holdsCertificate, isOpen, isOwn, type Renewal } from '../../domain/renewal.ts';
import type { ApprovedRequest, RequestFacts } from '../../domain/request.ts';
import { distrusted, isDistrusted } from '../renewal/compromise.ts';
import { lastChance } from '../renewal/last-chance.ts';
import { approveRequest } from './approve-request.ts';
import { beginThrough } from './begin-through.ts';
import { objectToProof } from './check-proof.ts';
import { type Conversation, renewalClosed, unknownRenewal } from './conversation.ts';
import { knownAfter } from './known-after.ts';
import { type Keeping, type Outcome, refuseWith } from './outcome.ts';

const beingSigned: Refusal = {
  code: 'unavailable',
  detail: 'an earlier request is being signed',
  retryAfterSeconds: 1,
  isUnderWay: true,
};

const isDevices: Refusal = {
  code: 'wrong_state',
  detail: 'the device has it on its own connection: another key there would take away what it has',
};

/** A request that has arrived as a whole, and what could be read of it. */
export interface WholeRequest {
  readonly der: Uint8Array;
  readonly facts: RequestFacts | Refusal;
  /** Did it come together of parts, which are forgotten once it was judged? */
  readonly inParts: boolean;
  /** The certificate in use whose key has signed the proof that came with it; null: none has. */
  readonly signer: Fingerprint | null;
}

/** What comes of a request. Refused, it leaves the renewal as it was and open; accepted, the authority is owed its signature. */
export async function takeRequest(
  conversation: Conversation,
  message: CsrMessage,
  request: WholeRequest,
): Promise<Outcome> {
  const { keep, reply } = await judgeRequest(conversation, message, request);
  if (!request.inParts) return { keep, reply };
  const ways = reply.kind === 'refusal' ? 'own' : 'all';
  return { keep: [...keep, { kind: 'no-upload', renewalId: message.renewal, ways }], reply };
}

async function judgeRequest(
  conversation: Conversation,
  { proof }: CsrMessage,
  { facts, signer }: WholeRequest,
): Promise<Outcome> {
  if ('code' in facts) return refuseWith(facts);
  const { renewal, principal } = conversation;
  if (!renewal || !principal) return refuseWith(unknownRenewal);
  const objection = objectToProof(conversation, renewal, principal, proof, signer);
  if (objection) return refuseWith(objection);
  if (principal.status !== 'active' || !isOpen(renewal)) return refuseWith(renewalClosed);
  if (await isDistrusted(conversation, renewal, principal)) {
    const off = { kind: 'call-off', renewal, principal, detail: distrusted } as const;
    return refuseWith({ ...renewalClosed, detail: distrusted }, [off]);
  }
  if (renewal.mode !== 'csr') {
    return refuseWith({ code: 'unsupported_mode', detail: `the key mode of this renewal is ${renewal.mode}` });
  }
  const approval = await approveRequest(conversation, principal, renewal, facts);
  if (approval.kind === 'refused') return refuseWith(approval);
  const approved = { request: approval.request, told: toldOf(facts), signed: proof !== undefined };
  return accept(conversation, principal, renewal, approved);
}

interface Approved {
  readonly request: ApprovedRequest;
  readonly told: string;
  /** By the key in use. That it verifies was judged before. */
  readonly signed: boolean;
}

/** What the renewal's record says of a request: once, since the same key again changes nothing. */
function toldOf({ ignored }: RequestFacts): string {
  return ignored.length === 0 ? 'requested' : `requested; ignored in its request: ${ignored.join('; ')}`;
}

/** Has the device itself asked for a replacement that is being made, or that it may have installed? */
function isOwnInHand(renewal: Renewal): boolean {
  return isOwn(renewal) && (renewal.state === 'requested' || holdsCertificate(renewal));
}

async function accept(
  conversation: Conversation,
  principal: Principal,
  renewal: Renewal,
  { request, told, signed }: Approved,
): Promise<Outcome> {
  const { app, tx, now, sender } = conversation;
  const { via, encoding } = sender;
  // Whoever speaks for a device must not take from it what it asked for itself.
  if (via !== null && isOwnInHand(renewal) && renewal.requestKey !== request.keyFingerprint) {
    return refuseWith(isDevices);
  }
  const beginning = await beginThrough(conversation, via, principal, renewal);
  if ('refusal' in beginning) return refuseWith(beginning.refusal);
  const before = beginning.renewal;
  const event = { type: 'requested', requestKey: request.keyFingerprint } as const;
  const transition = advance(before, event, app.policies.of(principal), now);
  if (transition.kind === 'refused') return refuseWith(refusalOf(transition.code));
  const known = await knownAfter(tx, principal.id, via, { encoding }, now);
  const said = { kind: 'said', known } as const;
  if (transition.kind === 'unchanged') {
    return { keep: [said], reply: { kind: holdsCertificate(renewal) ? 'replacement' : 'requested', renewal } };
  }
  const { renewal: after } = transition;
  const asked: Keeping[] = [{ kind: 'move', move: { before, after, event, detail: told } }, said];
  if (holdsCertificate(after)) return { keep: asked, reply: { kind: 'replacement', renewal } };
  if (beginning.countedUnder !== null) asked.push({ kind: 'delegation', id: beginning.countedUnder });
  if (renewal.newFingerprint) asked.push({ kind: 'unused', renewal });
  asked.push({ kind: 'request', renewal, request });
  if (signed) asked.push({ kind: 'signed', renewalId: renewal.id });
  const by = await lastChance(tx, renewal);
  asked.push({ kind: 'effect', effect: { kind: 'issue', renewalId: renewal.id, by } });
  return { keep: asked, reply: { kind: 'requested', renewal } };
}

function refusalOf(code: Refusal['code']): Refusal {
  if (code === 'renewal_closed') return renewalClosed;
  return code === 'unavailable' ? beingSigned : { code, detail: 'no more requests here' };
}
