// A device asks for its replacement: the request is held against renewal, profile, inventory and ledger, settled down to
// its serial, and kept before anything is signed. The same key again is the same request.
import type { Refusal } from '../../domain/errors.ts';
import type { CsrMessage } from '../../domain/message.ts';
import { validityAt } from '../../domain/policy.ts';
import type { Principal } from '../../domain/principal.ts';
import { holdsCertificate, isOpen, isOwn, type Renewal } from '../../domain/renewal.ts';
import { type ApprovedRequest, approve, type RequestFacts } from '../../domain/request.ts';
import { readCsr } from '../../pki/csr.ts';
import { newSerial } from '../../pki/serial.ts';
import { type Change, change, step } from '../change.ts';
import { type Context, policyOf } from '../context.ts';
import { waitForAuthority } from '../renewal/authority-wait.ts';
import type { WithBreaker } from '../renewal/breaker.ts';
import { callOff } from '../renewal/call-off.ts';
import { distrusted, isDistrusted } from '../renewal/compromise.ts';
import { dropUnused } from '../renewal/drop-unused.ts';
import { lastChance } from '../renewal/last-chance.ts';
import { issuerEnd } from '../trust.ts';
import { assembleRequest, forgetUpload } from './assemble-request.ts';
import { beginThrough } from './begin-through.ts';
import { objectToProof } from './check-proof.ts';
import { keepSaid } from './keep-said.ts';
import { type PromptContext, sendReplacement } from './prompt.ts';
import type { Sender } from './receive.ts';

type ReceiveCsrContext = PromptContext & WithBreaker;

type Outcome = { readonly refusal: Refusal } | { readonly resend: boolean };

const closed: Refusal = { code: 'renewal_closed', detail: 'this renewal has ended' };

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

/**
 * Takes a CSR, whole or a part of it. Refused, it leaves the renewal as it was and open; accepted, the authority is owed its
 * signature.
 */
export async function receiveCsr(app: ReceiveCsrContext, sender: Sender, message: CsrMessage): Promise<Refusal | null> {
  if (message.csr) return judge(app, sender, message, message.csr);
  const { renewal, offset, total, bytes } = message;
  // The wire takes no request that is neither whole nor a part.
  if (offset === undefined || total === undefined || !bytes) return { code: 'missing_field', detail: 'csr: required' };
  const assembled = await assembleRequest(app, sender, renewal, { offset, total, bytes });
  if (assembled.kind === 'refused') return assembled.refusal;
  if (assembled.kind === 'again') await sendReplacement(app, renewal, sender.via);
  if (assembled.kind !== 'whole') return null;
  const refusal = await judge(app, sender, message, assembled.der);
  await forgetUpload(app, sender, renewal, refusal === null);
  return refusal;
}

async function judge(
  app: ReceiveCsrContext,
  sender: Sender,
  message: CsrMessage,
  der: Uint8Array,
): Promise<Refusal | null> {
  const facts = readCsr(der, { bytesMax: app.settings.csrBytesMax });
  if ('code' in facts) return facts;
  const objection = await objectToProof(app, sender, message, der);
  if (objection) return objection;
  const outcome = await change(app, (within) => take(within, sender, message, facts), sender.via);
  if ('refusal' in outcome) return outcome.refusal;
  if (outcome.resend) await sendReplacement(app, message.renewal, sender.via);
  return outcome.resend ? null : waitForAuthority(app, message.renewal);
}

async function take(
  within: Change<ReceiveCsrContext>,
  sender: Sender,
  { renewal: renewalId, proof }: CsrMessage,
  facts: RequestFacts,
): Promise<Outcome> {
  const { tx } = within;
  const renewal = await tx.renewal(renewalId);
  const principal = await tx.principal(sender.id);
  if (renewal?.principalId !== sender.id || !principal) {
    return { refusal: { code: 'unknown_renewal', detail: 'no renewal of yours has this id' } };
  }
  if (principal.status !== 'active') return { refusal: closed };
  if (!isOpen(renewal)) return { refusal: closed };
  if (await isDistrusted(within, renewal, principal)) {
    await callOff(within, renewal, principal, distrusted);
    return { refusal: { ...closed, detail: distrusted } };
  }
  if (renewal.mode !== 'csr') {
    return { refusal: { code: 'unsupported_mode', detail: `the key mode of this renewal is ${renewal.mode}` } };
  }
  const approval = await approveWithin(within, principal, renewal, facts);
  if (approval.kind === 'refused') return { refusal: approval };
  const approved = { request: approval.request, told: toldOf(facts), signed: proof !== undefined };
  return accept(within, principal, renewal, approved, sender);
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
  within: Change<Pick<Context, 'policies'>>,
  principal: Principal,
  renewal: Renewal,
  { request, told, signed }: Approved,
  { via, encoding }: Sender,
): Promise<Outcome> {
  const { tx, now } = within;
  // Whoever speaks for a device must not take from it what it asked for itself.
  if (via !== null && isOwnInHand(renewal) && renewal.requestKey !== request.keyFingerprint) {
    return { refusal: isDevices };
  }
  const beginning = await beginThrough(within, via, principal, renewal);
  if ('refusal' in beginning) return beginning;
  const event = { type: 'requested', requestKey: request.keyFingerprint } as const;
  const transition = await step(within, beginning.renewal, event, principal, told);
  if (transition.kind === 'refused') {
    if (transition.code === 'renewal_closed') return { refusal: closed };
    const { code } = transition;
    return {
      refusal: code === 'unavailable' ? beingSigned : { code, detail: 'no more requests here' },
    };
  }
  await keepSaid(tx, principal.id, via, { encoding }, now);
  const after = transition.kind === 'changed' ? transition.renewal : renewal;
  if (holdsCertificate(after)) return { resend: true };
  if (transition.kind === 'changed') {
    await beginning.count();
    if (renewal.newFingerprint) await dropUnused(within, renewal);
    await tx.putRequest(renewal.id, request);
    if (signed) await tx.noteSigned(renewal.id);
    await tx.owe({ kind: 'issue', renewalId: renewal.id, by: await lastChance(tx, renewal) });
  }
  return { resend: false };
}

/** Nothing the device can mend; an hour is soon enough for a CA that is being rolled over. */
const issuerEnds = {
  kind: 'refused',
  code: 'unavailable',
  detail: 'the issuing CA is near its end: it can issue nothing that lasts longer',
  retryAfterSeconds: 3_600,
} as const;

async function approveWithin(
  { app, tx, now }: Change<ReceiveCsrContext>,
  principal: Principal,
  renewal: Renewal,
  facts: RequestFacts,
) {
  const { fingerprint } = facts.key;
  const { holder, isShared } = await tx.keyRecord(fingerprint);
  const another = isShared || (holder !== null && holder !== principal.id);
  // What this renewal itself certified may come again, unless it was revoked since: it did that once at most.
  const some = await tx.certificatesByKey(fingerprint, 2);
  const others = some.filter((entry) => entry.renewalId !== renewal.id || entry.state === 'revoked');
  const policy = policyOf(app, principal);
  const replaced = renewal.oldFingerprint && (await tx.certificate(renewal.oldFingerprint));
  const validity = validityAt(now, policy, issuerEnd(app), replaced || null);
  if (!validity) return issuerEnds;
  return approve({
    facts,
    principalId: principal.id,
    kind: principal.kind,
    profile: app.profiles[principal.kind],
    serial: newSerial(app.entropy),
    ...validity,
    mode: 'csr',
    keyHolder: another ? 'another' : others.length > 0 ? 'itself' : 'nobody',
  });
}
