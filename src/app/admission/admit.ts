// Judges a connect: gathers what the ledger and the inventory know about the bytes presented, asks the domain for its
// verdict, and lets what the verdict implies happen before the broker answers.
import { type Access, type AccessRules, accessOf } from '../../domain/acl.ts';
import { principalActor } from '../../domain/actor.ts';
import { admit, type StrangerFacts, type Verdict } from '../../domain/admission.ts';
import { isFresh } from '../../domain/alert.ts';
import { awakens, type Fingerprint, type LedgerEntry } from '../../domain/certificate.ts';
import { assignedBytes, assignedClientId, claimants } from '../../domain/client-id.ts';
import { graceMs } from '../../domain/policy.ts';
import {
  isPrincipalUri,
  type Principal,
  type PrincipalId,
  parsePrincipalId,
  parsePrincipalUri,
} from '../../domain/principal.ts';
import { isHeard } from '../../domain/reopening.ts';
import { introduce } from '../../pki/chain.ts';
import { fingerprintOf } from '../../pki/x509.ts';
import { actingAs } from '../acting.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { activate } from '../renewal/activate.ts';
import { type OpenRenewalContext, openEnrollment, openRenewal } from '../renewal/open-renewal.ts';
import type { Admission, ConnectFacts, Presented } from '../session.ts';
import { ownCas } from '../trust.ts';
import type { Disconnections } from './disconnections.ts';

export type AdmitContext = OpenRenewalContext & Pick<Context, 'settings'> & { readonly disconnections: Disconnections };

interface Found {
  readonly fingerprint: Fingerprint | null;
  readonly entry: LedgerEntry | null;
  readonly stranger: StrangerFacts | null;
  readonly principal: Principal | null;
  /** As sent, or as assigned. */
  readonly clientId: string;
  /** Who else in the inventory it belongs to. */
  readonly claimedBy: PrincipalId | null;
}

/** Judges one connect, as {@link Entrance.admit} has it. */
export async function admitConnect(app: AdmitContext, facts: ConnectFacts): Promise<Admission> {
  let found = await find(app, facts);
  let verdict = judgeConnect(app, facts, found);
  if (await changesLedger(app, found, verdict)) {
    found = await find(app, facts);
    verdict = judgeConnect(app, facts, found);
  }
  tellVerdict(app, facts, found, verdict);
  if (verdict.reason === 'retired')
    await alertReplaced(app, facts, found, 'was replaced, and somebody still presents it');
  if (verdict.reason === 'overlap' && (await wasGivenUp(app, found))) {
    await alertReplaced(app, facts, found, 'was reported as unusable and replaced, and somebody uses it');
  }
  if (verdict.reason === 'client_id_mismatch') noteRefused(app, found, verdict.reason);
  if (verdict.lane === 'refused') return { admitted: false, reason: verdict.reason };
  const { principal, fingerprint, entry, clientId } = found;
  if (!principal || !fingerprint) return { admitted: false, reason: 'unknown_principal' };
  if (verdict.reason === 'expired_in_grace' && entry) await openRenewal(app, entry.fingerprint);
  return {
    admitted: true,
    session: {
      principal,
      lane: verdict.lane,
      fingerprint,
      introduced: verdict.reason === 'bootstrap',
      access: knownAccess(principal, verdict.lane, app.settings.access),
      endsAt: verdict.endsAt,
      clientId,
      root: facts.root,
    },
  };
}

/** What was expanded for a record of the inventory, which is the same object as long as nobody has written it. */
const expanded = new WeakMap<Principal, { readonly rules: AccessRules; readonly access: Access }>();

function knownAccess(principal: Principal, lane: 'full' | 'renew-only', rules: AccessRules): Access {
  if (lane === 'renew-only') return accessOf(principal, lane, rules);
  const known = expanded.get(principal);
  if (known?.rules === rules) return known.access;
  const access = accessOf(principal, lane, rules);
  expanded.set(principal, { rules, access });
  return access;
}

/**
 * Notes a connect that was not even judged, as {@link Entrance.turnedAway} has it. Counted is only whose certificate would have been
 * admitted: neither a stranger nor who holds a certificate that is over can have a device reported.
 */
export async function noteTurnedAway(
  app: AdmitContext,
  presented: Presented,
  reason: string,
): Promise<PrincipalId | null> {
  const { entry, principal, fingerprint } = await findCertificate(app, {
    presented: { ...presented, issuers: () => [] },
  });
  if (!entry || !principal) return entry?.principalId ?? null;
  const clientId = principal.id;
  const found = { fingerprint, entry, stranger: null, principal, clientId, claimedBy: null };
  if (judgeConnect(app, { presented }, found).lane !== 'refused') noteRefused(app, found, reason);
  return principal.id;
}

/** Whose certificate it is that was presented, where the ledger has it and it would be admitted; null: nobody's. */
export async function holderOf(app: AdmitContext, presented: Presented): Promise<Principal | null> {
  const found = await findCertificate(app, { presented: { ...presented, issuers: () => [] } });
  const { entry, principal } = found;
  if (!entry || !principal) return null;
  const judged = { ...found, clientId: principal.id, claimedBy: null };
  return judgeConnect(app, { presented }, judged).lane === 'refused' ? null : principal;
}

/** Who is refused for what it sends is disconnected by it: it may be so at each of its connects. */
function noteRefused(
  app: { readonly disconnections: Disconnections },
  { entry, principal }: Found,
  reason: string,
): void {
  // Whoever an anchor introduced is not known to be who it says.
  if (entry && principal) app.disconnections.ended(principal.id, { cause: 'connect_refused', silentMs: 0, reason });
}

/** Does what a first use implies. True: the ledger changed with it, or while it waited its turn, and must be asked again. */
async function changesLedger(app: AdmitContext, { entry, principal }: Found, verdict: Verdict): Promise<boolean> {
  if (verdict.lane === 'full' && entry && awakens(entry, app.clock.now())) {
    await activate(actingAs(app, principalActor(entry.principalId)), entry.fingerprint);
    return true;
  }
  if (verdict.lane !== 'renew-only' || verdict.reason !== 'bootstrap' || !principal) return false;
  return (
    (await openEnrollment(actingAs(app, principalActor(principal.id, true)), principal.id, verdict.endsAt)) === null
  );
}

async function find(
  app: Pick<Context, 'store' | 'clock' | 'entropy' | 'settings' | 'authority'>,
  facts: ConnectFacts,
): Promise<Found> {
  const { fingerprint, entry, stranger, principal } = await findCertificate(app, facts);
  const { clientId, claimedBy } = await findClientId(app, facts, principal);
  return { fingerprint, entry, stranger, principal, clientId, claimedBy };
}

/** Whose the client id is. Only one with a suffix costs a look at the inventory, one more for each colon in it. */
async function findClientId(
  { store, entropy }: Pick<Context, 'store' | 'entropy'>,
  { clientId, mayAssign }: ConnectFacts,
  principal: Principal | null,
) {
  if (!principal) return { clientId, claimedBy: null };
  const { id } = principal;
  if (clientId === '' && mayAssign) {
    return { clientId: assignedClientId(id, entropy.bytes(assignedBytes)), claimedBy: null };
  }
  for (const claimant of claimants(id, clientId)) {
    if (await store.read.principal(claimant)) return { clientId, claimedBy: claimant };
  }
  return { clientId, claimedBy: null };
}

async function findCertificate(
  app: Pick<Context, 'store' | 'clock' | 'settings' | 'authority'>,
  { presented }: Pick<ConnectFacts, 'presented'>,
) {
  if (!presented.der) return { fingerprint: null, entry: null, stranger: null, principal: null };
  const { read } = app.store;
  const fingerprint = fingerprintOf(presented.der);
  const entry = await read.certificate(fingerprint);
  if (entry) return { fingerprint, entry, stranger: null, principal: await read.principal(entry.principalId) };
  if (app.settings.anchors.length === 0) return { fingerprint, entry, stranger: null, principal: null };
  return { fingerprint, entry, ...(await findStranger(app, presented.der, presented.issuers())) };
}

async function findStranger(
  app: Pick<Context, 'store' | 'clock' | 'settings' | 'authority'>,
  der: Uint8Array,
  issuers: readonly Uint8Array[],
) {
  const { read } = app.store;
  // One of an own CA may come without it: TLS knows our CAs by name alone, and adds none to what was sent.
  const introduction = introduce(der, [...issuers, ...ownCas(app)], app.settings.anchors, app.clock.now());
  const id = parsePrincipalId(introduction.commonName);
  const principal = introduction.introduced && id ? await read.principal(id) : null;
  const expected = principal !== null && (await isExpected(app, principal, introduction.uris));
  const { introduced, notBefore, notAfter } = introduction;
  return { principal, stranger: { introduced, notBefore, notAfter, expected } };
}

/** A stranger is expected as long as no certificate of the principal was ever in use: an anchor introduces once. */
async function isExpected(
  app: Pick<Context, 'store'>,
  principal: Principal,
  uris: readonly string[],
): Promise<boolean> {
  const { kind, id } = principal;
  const named = uris.filter(isPrincipalUri).map(parsePrincipalUri);
  if (named.some((each) => each?.kind !== kind || each.id !== id)) return false;
  return !(await app.store.read.wasSeen(principal.id));
}

function judgeConnect(
  app: Pick<Context, 'clock' | 'policies' | 'settings'>,
  facts: Pick<ConnectFacts, 'presented'>,
  found: Found,
): Verdict {
  return admit({
    presented: facts.presented.der !== null,
    entry: found.entry,
    stranger: found.stranger,
    principal: found.principal,
    clientId: found.clientId,
    claimedBy: found.claimedBy,
    graceMs: found.principal ? graceMs(app.policies.of(found.principal)) : 0,
    skewMs: app.settings.skewMs,
    now: app.clock.now(),
  });
}

/** Client ids are the peer's words: a log line holds no more than this of them. */
const clientIdLogged = 128;

function tellVerdict(app: Pick<Context, 'decisions'>, facts: ConnectFacts, found: Found, verdict: Verdict): void {
  const { fingerprint, entry, principal, clientId, claimedBy } = found;
  const who = principal?.id ?? 'a stranger';
  const refused = verdict.lane === 'refused';
  app.decisions.tell({
    action: refused ? 'admission.refused' : 'admission.admitted',
    reason: verdict.reason,
    message: refused ? `${who} refused: ${verdict.reason}` : `${who} admitted, ${verdict.lane} lane`,
    fields: {
      'nolapse.lane': verdict.lane,
      'nolapse.client_id': clientId.slice(0, clientIdLogged),
      ...(claimedBy && { 'nolapse.client_id_owner': claimedBy }),
      'source.ip': facts.remoteAddress,
      'nolapse.root': facts.root,
      ...(principal && { 'nolapse.principal': principal.id }),
      ...(fingerprint && { 'tls.client.hash.sha256': fingerprint }),
      ...(entry && { 'tls.client.not_after': new Date(entry.notAfter).toISOString() }),
    },
  });
}

/** Was another made in its place because its device said that it could not use it? Then whoever uses it is not that device. */
async function wasGivenUp(app: Pick<Context, 'store'>, { entry }: Found): Promise<boolean> {
  const renewal = entry?.renewalId ? await app.store.read.renewal(entry.renewalId) : null;
  return renewal !== null && renewal.reopenedAt !== null && !isHeard(renewal);
}

/** Whoever presents it may do so all day: what is known and was noted lately is not written again. */
async function alertReplaced(
  app: Changing,
  facts: ConnectFacts,
  { principal, entry }: Found,
  what: string,
): Promise<void> {
  if (!principal || !entry) return;
  const known = await app.store.read.alert('retired_credential_in_use', principal.id);
  if (known && isFresh(known, app.clock.now())) return;
  const detail = `certificate ${entry.serial} ${what}, from ${facts.remoteAddress}`;
  await change(app, (within) =>
    within.alert({
      kind: 'retired_credential_in_use',
      subject: principal.id,
      severity: 'critical',
      detail,
      owner: principal.owner || null,
    }),
  );
}
