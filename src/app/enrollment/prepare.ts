// Makes the request of a renewal whose device sends none: over the key the device has, or over one made for it that only it can
// read. Only once somebody is there to fetch what comes of it: a certificate issued to a sleeper would grow old with it.
import type { LedgerEntry } from '../../domain/certificate.ts';
import type { Refusal } from '../../domain/errors.ts';
import { possibleKeyModes } from '../../domain/key-mode.ts';
import { renewalTime, validityAt } from '../../domain/policy.ts';
import type { Principal } from '../../domain/principal.ts';
import { advance, awaitDevice, holdsCertificate, isOpen, type Renewal, sentAgain } from '../../domain/renewal.ts';
import { approve, type KeyFacts, ownRequest } from '../../domain/request.ts';
import { renewalFailed } from '../../domain/watch.ts';
import { canAgree, newEnvelopedKey } from '../../pki/envelope.ts';
import { newSerial } from '../../pki/serial.ts';
import { fingerprintOf, readAdopted } from '../../pki/x509.ts';
import { type Change, type Changing, change } from '../change.ts';
import { type Context, cohortIn } from '../context.ts';
import { distrusted, isDistrusted } from '../renewal/compromise.ts';
import type { Way } from '../renewal/delivery-profile.ts';
import { keyHistoryOf } from '../renewal/key-history.ts';
import { lastChance } from '../renewal/last-chance.ts';
import { signingCa } from '../trust.ts';
import { type ActForContext, concernsDelegation, refuseGateway } from './act-for.ts';
import { beginThrough } from './begin-through.ts';
import type { Moment } from './conversation.ts';
import { listenersTo } from './delegations.ts';
import { applyKeeping, type KeepContext } from './keep-outcome.ts';
import { answered, type Keeping, nothing, type Outcome, refused, refuseWith } from './outcome.ts';

export type PrepareContext = ActForContext & KeepContext;

/** Is the replacement still worth fetching: whole, never used, and not due itself? */
export async function isUsable(
  app: Pick<Context, 'store' | 'clock' | 'policies' | 'settings'>,
  renewal: Renewal,
): Promise<boolean> {
  const entry = renewal.newFingerprint && (await app.store.read.certificate(renewal.newFingerprint));
  const principal = await app.store.read.principal(renewal.principalId);
  if (!entry || !principal || entry.state !== 'issued') return false;
  if (renewal.mode === 'keygen' && (await app.store.read.envelope(renewal.id)) === null) return false;
  return app.clock.now() < renewalTime(entry, principal.id, cohortIn(app, principal), app.policies.of(principal));
}

/**
 * Makes the request, and owes the authority its signature, through the first who listens and may. Twice is once.
 * @returns `made`: the replacement follows; `unheard`: nobody listens; `hindered`: it is tried again when the renewal is looked at next.
 */
export async function prepare(app: PrepareContext, renewalId: string): Promise<'made' | 'unheard' | 'hindered'> {
  const renewal = await app.store.read.renewal(renewalId);
  if (!renewal) return 'hindered';
  const { principalId } = renewal;
  const usable = await isUsable(app, renewal);
  let hindrance: Hindrance = 'nobody_listens';
  const listeners = await listenersTo(app, principalId, 'offer');
  // Made before the transaction: to make a key takes time, and a transaction may be run again.
  const key = listeners.length > 0 ? await keyFor(app, renewal) : null;
  for (const listener of listeners) {
    const via = listener === principalId ? null : listener;
    const refusal = await change(app, (within) => requestWithin(within, { renewal, usable, key }, via), via);
    if (!refusal) return 'made';
    if (via && concernsDelegation(refusal)) {
      const attempt = { gateway: via, device: principalId, renewal: renewalId, isDelegated: true } as const;
      await refuseGateway(app, attempt, refusal);
      hindrance = 'not_delegated';
    } else {
      await app.refusals.note({ id: principalId, via, renewal: renewalId, ...refusal });
      await putOff(app, renewalId, refusal);
      return 'hindered';
    }
  }
  await putOff(app, renewalId, hindrance);
  return hindrance === 'nobody_listens' ? 'unheard' : 'hindered';
}

/** Why no request was made: nobody is there, whoever is there may not, or the request itself cannot be. */
type Hindrance = 'nobody_listens' | 'not_delegated' | Refusal;

/**
 * Where nobody listens, the next look comes when somebody does. A gateway that may not may tomorrow, and it stays connected: it is
 * tried again. What stands in the way of all is somebody's business.
 */
function putOff(app: Changing & Pick<Context, 'policies'>, renewalId: string, hindrance: Hindrance): Promise<void> {
  return change(app, async ({ tx, now, alert }) => {
    const renewal = await tx.renewal(renewalId);
    const principal = renewal && (await tx.principal(renewal.principalId));
    if (!renewal || !principal || !isOpen(renewal)) return;
    if (hindrance === 'nobody_listens') return tx.putRenewal(awaitDevice(renewal));
    await tx.putRenewal(sentAgain(renewal, app.policies.of(principal), now, 'due'));
    if (hindrance === 'not_delegated') return;
    await alert(renewalFailed(principal, hindrance.code, hindrance.detail));
  });
}

/** What was found before the transaction, and the key that was made for it; null: none can be. */
interface Prepared {
  readonly renewal: Renewal;
  readonly usable: boolean;
  readonly key: KeyToCertify | null;
}

async function requestWithin(within: Change<PrepareContext>, prepared: Prepared, via: Way): Promise<Refusal | null> {
  const { keep, reply } = await judgeOwn(within, prepared, via);
  const about = { id: prepared.renewal.principalId, via };
  for (const each of keep) await applyKeeping(within, about, each);
  return reply.kind === 'refusal' ? reply.refusal : null;
}

async function judgeOwn(moment: Moment, { renewal: seen, usable, key }: Prepared, via: Way): Promise<Outcome> {
  const { tx } = moment;
  const renewal = await tx.renewal(seen.id);
  // Somebody else was quicker: what is to come of it is on its way.
  if (renewal?.state !== seen.state || renewal.newFingerprint !== seen.newFingerprint) return answered(nothing);
  const principal = await tx.principal(renewal.principalId);
  const old = renewal.oldFingerprint ? await tx.certificate(renewal.oldFingerprint) : null;
  if (principal?.status !== 'active' || !isOpen(renewal) || renewal.mode === 'csr' || !old) return answered(nothing);
  if (await isDistrusted(moment, renewal, principal)) {
    const off = { kind: 'call-off', renewal, principal, detail: distrusted } as const;
    return refuseWith({ code: 'renewal_closed', detail: distrusted }, [off]);
  }
  const objection = await objectToMode(moment, renewal, principal, old);
  if (objection) return refuseWith(objection);
  if (!key) return refuseWith(keyRefused(renewal));
  const beginning = await beginThrough(moment, via, principal, renewal);
  if ('refusal' in beginning) return refuseWith(beginning.refusal);
  // After a failure the key it has gets the certificate it got before; a key of ours that failed is not sent twice.
  const again = usable && renewal.mode === 'recertify';
  const before = again ? beginning.renewal : { ...beginning.renewal, newFingerprint: null, requestKey: null };
  const asked = await ask(moment, { before, principal, old, key, countedUnder: beginning.countedUnder });
  if (again) return asked;
  return { ...asked, keep: [{ kind: 'unused', renewal }, ...asked.keep] };
}

async function objectToMode(
  { app, tx, now }: Moment,
  renewal: Renewal,
  principal: Principal,
  old: LedgerEntry,
): Promise<Refusal | null> {
  const history = await keyHistoryOf(app, tx, principal, old);
  // What the policy prefers by now does not matter to a renewal that has begun; what the key allows does.
  const policy = { ...app.policies.of(principal), keyModes: [renewal.mode] };
  if (possibleKeyModes(policy, { modes: [renewal.mode] }, history, now).length > 0) return null;
  return keyRefused(renewal);
}

function keyRefused({ mode }: Renewal): Refusal {
  return { code: 'key_refused', detail: `the key in use no longer allows key mode ${mode}` };
}

interface KeyToCertify {
  readonly key: KeyFacts;
  readonly envelope: Uint8Array | null;
  readonly csr: Uint8Array | null;
}

/** The key to certify: the one in use, or a new one that only its holder can read. Null: there is none, or it can read nothing. */
async function keyFor(
  { authority, store }: Pick<Context, 'authority' | 'store'>,
  renewal: Renewal,
): Promise<KeyToCertify | null> {
  const old = renewal.oldFingerprint && (await store.read.certificate(renewal.oldFingerprint));
  if (!old) return null;
  const { key } = readAdopted(old.der);
  if (renewal.mode === 'recertify') return { key, envelope: null, csr: null };
  if (!canAgree(key)) return null;
  const { spki, envelope, csr } = newEnvelopedKey(old.der, authority.certifiesKeys ? null : renewal.principalId);
  return { key: { algorithm: 'ec-p256', bits: 0, fingerprint: fingerprintOf(spki), spki }, envelope, csr };
}

interface Asking {
  /** The renewal as it goes on. */
  readonly before: Renewal;
  readonly principal: Principal;
  readonly old: LedgerEntry;
  readonly key: KeyToCertify;
  readonly countedUnder: string | null;
}

async function ask(
  { app, tx, now }: Moment,
  { before, principal, old, key: made, countedUnder }: Asking,
): Promise<Outcome> {
  const { mode } = before;
  const policy = app.policies.of(principal);
  const validity = validityAt(now, policy, signingCa(app).notAfter, old);
  if (!validity) return refused('unavailable', 'the issuing CA is near its end');
  const { key, envelope, csr } = made;
  const approval = approve({
    // Of a key that is certified already, or was made here, possession need not be shown again.
    facts: ownRequest(principal.id, key, csr),
    principalId: principal.id,
    kind: principal.kind,
    profile: app.profiles[principal.kind],
    serial: newSerial(app.entropy),
    ...validity,
    keyHolder: mode === 'recertify' ? 'itself' : 'nobody',
    mode,
  });
  if (approval.kind === 'refused') return refuseWith(approval);
  const event = { type: 'requested', requestKey: key.fingerprint } as const;
  const transition = advance(before, event, policy, now);
  if (transition.kind === 'refused') return refused(transition.code, 'no more requests in this renewal');
  if (transition.kind === 'unchanged') return answered(nothing);
  const { renewal: after } = transition;
  const detail = `requested, key mode ${mode}`;
  const keep: Keeping[] = [{ kind: 'move', move: { before, after, event, detail } }];
  if (countedUnder !== null) keep.push({ kind: 'delegation', id: countedUnder });
  const renewalId = before.id;
  if (holdsCertificate(after)) {
    keep.push({ kind: 'effect', effect: { kind: 'prompt', renewalId } });
    return answered(nothing, ...keep);
  }
  if (envelope) keep.push({ kind: 'envelope', renewal: before, envelope });
  keep.push({ kind: 'request', renewal: before, request: approval.request });
  keep.push({ kind: 'effect', effect: { kind: 'issue', renewalId, by: await lastChance(tx, before) } });
  return answered(nothing, ...keep);
}
