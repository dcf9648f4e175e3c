// The ledger's store: inventory, certificates, renewals and the outbox, read and changed in transactions.
import type { Alert, AlertEvent, AlertKind, AlertName, ToldAlert } from '../domain/alert.ts';
import type { Fingerprint, LedgerEntry, Serial } from '../domain/certificate.ts';
import type { Delegation } from '../domain/delegation.ts';
import type { Effect } from '../domain/effect.ts';
import type { KeyRecord } from '../domain/key-mode.ts';
import type { Contact, Principal, PrincipalId, PrincipalStatus } from '../domain/principal.ts';
import type { Renewal, RenewalState } from '../domain/renewal.ts';
import type { ApprovedRequest } from '../domain/request.ts';
import type { Instant } from '../domain/time.ts';
import type { Visits } from '../domain/visits.ts';
import type { CampaignReader, StoredCampaign } from './campaigns.ts';
import type { CarriedReader, CarriedWriter, OutlookPath, OutlookRenewal } from './carried.ts';
import type { FleetReader } from './fleet.ts';
import type { Glance } from './glance.ts';
import type { PeriodReader } from './period.ts';
import type { RevocationListReader, RevocationListWriter } from './revocation-lists.ts';
import type { StoreFile } from './store-file.ts';

/** A line of the record of what was done, for people and auditors. `detail` holds no secrets. */
export interface JournalEntry {
  readonly at: Instant;
  readonly action: string;
  readonly principalId: PrincipalId | null;
  readonly renewalId: string | null;
  readonly detail: string;
}

export interface WaitingEffect {
  readonly id: number;
  readonly effect: Effect;
  readonly dueAt: Instant;
  readonly attempts: number;
}

/** Effects that are carried out at a rate: offers and issuance. */
export type QueuedKind = Extract<Effect['kind'], 'prompt' | 'issue'>;

export interface PrincipalQuery {
  readonly status?: string;
  readonly kind?: string;
  readonly site?: string;
  readonly owner?: string;
  readonly source?: string;
}

/** How a device comes and goes. */
export interface Presence extends Visits {
  readonly principalId: PrincipalId;
}

/** A certificate in use, and what tells whether its replacement will come in time. */
export interface Outlook extends OutlookPath {
  readonly certificate: Omit<LedgerEntry, 'der'>;
  readonly principal: Principal;
  /** Of the gateway the inventory puts it behind; null: behind none, or behind one that is not there. */
  readonly gatewayStatus: PrincipalStatus | null;
  /** Null: it never came since visits are recorded. */
  readonly visits: Visits | null;
  /** The open renewal that replaces it. */
  readonly renewal: OutlookRenewal | null;
  /** Where it stands in the order. */
  readonly place: OutlookPlace;
}

export interface OutlookPlace {
  readonly endsAt: Instant;
  readonly row: number;
}

export interface WaitingNotification {
  readonly id: number;
  readonly sink: string;
  readonly event: AlertEvent;
  /** The alert as it was when the event happened. */
  readonly alert: ToldAlert;
  readonly dueAt: Instant;
  readonly attempts: number;
}

/** Something about the fleet that somebody should look at, kept as long as it is so. */
export interface StoredFinding {
  readonly kind: string;
  readonly subject: string;
  readonly detail: string;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
}

/** A certificate as a look over the fleet sees it. */
export interface SurveyedCertificate
  extends Pick<
    LedgerEntry,
    | 'fingerprint'
    | 'serial'
    | 'principalId'
    | 'state'
    | 'notBefore'
    | 'notAfter'
    | 'renewalId'
    | 'issuedAt'
    | 'activatedAt'
    | 'lastSeenAt'
    | 'renewAt'
    | 'overlapUntil'
    | 'revokedAt'
  > {
  /** Another principal with a living certificate over the same key; null: none. */
  readonly sharedWith: PrincipalId | null;
  /** Issued: when its device said that it had installed it; null: it has not. */
  readonly installedAt: Instant | null;
}

export interface CaseTwins {
  readonly pairs: readonly (readonly [PrincipalId, PrincipalId])[];
  readonly last: PrincipalId | null;
}

/** Paging: rows after the key `after`, at most `limit` of them. */
export interface Page {
  readonly after?: string;
  readonly limit: number;
}

export interface Reader extends PeriodReader, CampaignReader, CarriedReader, FleetReader, RevocationListReader {
  principal(id: PrincipalId): Promise<Principal | null>;
  /** Another id in the inventory that differs from this one by case alone; null: none. */
  caseTwin(id: PrincipalId): Promise<PrincipalId | null>;
  /** Pairs of ids that differ by case alone, among the next `looked` principals after one, and the last of these; null: there are no more. */
  caseTwins(after: PrincipalId | null, looked: number): Promise<CaseTwins>;
  /** The client ids under which sessions of this principal are stored, its own id apart; at most 1,000. */
  storedClientIds(id: PrincipalId): Promise<string[]>;
  /** In order of id. */
  principals(query: PrincipalQuery, page: Page): Promise<Principal[]>;
  contact(id: PrincipalId): Promise<Contact | null>;
  certificate(fingerprint: Fingerprint): Promise<LedgerEntry | null>;
  certificateBySerial(serial: Serial): Promise<LedgerEntry | null>;
  /** Those whose fingerprint or serial begins so, in lower-case hex; in no order. */
  certificatesBeginning(digits: string, limit: number): Promise<LedgerEntry[]>;
  /** All that this principal was ever given, the newest first; after a fingerprint. */
  certificatesOf(id: PrincipalId, page: Page): Promise<LedgerEntry[]>;
  /** Of these only what was neither retired nor revoked: what may still matter. It reads no others. */
  heldCertificates(id: PrincipalId, page: Page): Promise<LedgerEntry[]>;
  /** Was any certificate of this principal ever seen in use? */
  wasSeen(id: PrincipalId): Promise<boolean>;
  certificates(page: Page): Promise<LedgerEntry[]>;
  /** Some of those that certify this key, in no order. */
  certificatesByKey(keyFingerprint: Fingerprint, limit: number): Promise<LedgerEntry[]>;
  /** All of those that are neither retired nor revoked. For operators: it reads all that ever certified this key. */
  heldByKey(keyFingerprint: Fingerprint): Promise<LedgerEntry[]>;
  /** Whose key is it, and may it be trusted? It reads few rows, however often the key was certified. */
  keyRecord(keyFingerprint: Fingerprint): Promise<KeyRecord>;
  renewal(id: string): Promise<Renewal | null>;
  /** The renewal that is open for this principal, or activated and not yet retired or confirmed; the newest. */
  currentRenewal(id: PrincipalId): Promise<Renewal | null>;
  /** The open renewal that replaces this certificate, if there is one. */
  openRenewalFor(old: Fingerprint): Promise<Renewal | null>;
  /** Every renewal of this principal that has not ended: open ones, and an activated one until it is retired. */
  unendedRenewals(id: PrincipalId): Promise<Renewal[]>;
  /** The newest first; of one principal, in one state as it is shown ({@link shownState}), or all. For operators: it may read many rows. */
  renewals(query: { principalId?: PrincipalId; state?: RenewalState }, limit: number): Promise<Renewal[]>;
  /** The accepted request of a renewal, settled down to its serial; null when there is none. */
  request(renewalId: string): Promise<ApprovedRequest | null>;
  /** What has arrived of a request that comes in parts from the device itself, from its first byte on. */
  upload(renewalId: string): Promise<{ readonly total: number; readonly bytes: Uint8Array } | null>;
  /** The key made for a device, as CMS EnvelopedData, until the device has it. */
  envelope(renewalId: string): Promise<Uint8Array | null>;
  delegation(id: string): Promise<Delegation | null>;
  /** In order of id, ended ones too; after an id. */
  delegations(limit: number, after?: string): Promise<Delegation[]>;
  /** What this gateway was ever given, in order of id. */
  delegationsOf(gateway: PrincipalId, limit: number): Promise<Delegation[]>;
  /** What it was given that is not revoked and ends later than `now`, the longest first; at most 1,000. */
  standingDelegations(gateway: PrincipalId, now: Instant): Promise<Delegation[]>;
  /** Those not revoked that name this device or its site, the longest first, at most 64; of devices each tells this one alone. */
  delegationsFor(device: PrincipalId, site: string | null): Promise<Delegation[]>;
  /** Renewals begun under a delegation on this day (see `dayOf`). */
  delegationUse(id: string, day: number): Promise<number>;
  presence(id: PrincipalId): Promise<Presence | null>;
  /** Active certificates that end by `until`, those with the nearest end first, after a place. Reads `limit` rows and few more. */
  outlooks(until: Instant, after: OutlookPlace | null, limit: number): Promise<Outlook[]>;
  /** The same of one principal, in no order; at most 100. */
  outlooksOf(id: PrincipalId): Promise<Outlook[]>;
  alert(kind: AlertKind, subject: string): Promise<Alert | null>;
  /** Alerts that are not cleared, in the order of their names; `after` null: from the first. */
  openAlerts(after: AlertName | null, limit: number): Promise<Alert[]>;
  /** Those about one principal, in the order of their kinds. */
  openAlertsOf(id: PrincipalId): Promise<Alert[]>;
  /** Alerts of this kind that are not cleared and were seen last at `before` or earlier, or later than `now`: the clock was set back. */
  quietAlerts(kind: AlertKind, before: Instant, now: Instant, limit: number): Promise<Alert[]>;
  /** The newest first. For operators: it may read many rows. */
  alerts(query: { readonly open?: boolean; readonly kind?: AlertKind }, limit: number): Promise<Alert[]>;
  /** What a sink is still to be told, in the order of what happened, due or not. */
  notifications(sink: string, limit: number): Promise<WaitingNotification[]>;
  waitingNotifications(sink: string): Promise<number>;
  /** Every sink that is still to be told something, also one that there is no more. Reads all that waits. */
  notifiedSinks(): Promise<string[]>;
  findings(query: { readonly kind?: string; readonly after?: string }, limit: number): Promise<StoredFinding[]>;
  /** Living and expired certificates of these principals and all between them in order of id, of each the oldest first. */
  certificatesInUse(first: PrincipalId, last: PrincipalId): Promise<SurveyedCertificate[]>;
  /** When these principals and all between them were last seen; those never seen are left out. */
  lastSeen(first: PrincipalId, last: PrincipalId): Promise<Map<PrincipalId, Instant>>;
  /** What the gateway remembers of itself under a name. */
  setting(name: string): Promise<string | null>;
  journal(query: { renewalId?: string }, limit: number): Promise<JournalEntry[]>;
  // What the sweep reads. Each is an index scan: its cost follows what it returns.

  /** Active certificates whose renewAt has come, those with the nearest notAfter first. */
  dueCertificates(now: Instant, limit: number): Promise<LedgerEntry[]>;
  /** Renewals whose nextAt has come, the earliest first. */
  dueRenewals(now: Instant, limit: number): Promise<Renewal[]>;
  /** Issued, active and superseded certificates whose notAfter or overlap has ended. */
  endedCertificates(now: Instant, limit: number): Promise<LedgerEntry[]>;
  /** Principals that must be looked at for alerts by now, the longest overdue first. */
  dueWatches(now: Instant, limit: number): Promise<PrincipalId[]>;
  /**
   * Effects whose dueAt has come, or lies further ahead than any is put off: the clock was set back. In order of id; without those
   * that are carried out at a rate.
   */
  dueEffects(now: Instant, limit: number): Promise<WaitingEffect[]>;
  /** The same of those of one kind that are carried out at a rate: who has least time left first. */
  queuedEffects(kind: QueuedKind, now: Instant, limit: number): Promise<WaitingEffect[]>;
}

export interface Transaction extends Reader, CarriedWriter, RevocationListWriter {
  putPrincipal(principal: Principal): Promise<void>;
  putContact(contact: Contact): Promise<void>;
  /** Inserts, or replaces the row with this fingerprint. A second serial or renewal twin fails with NolapseError `conflict`. */
  putCertificate(entry: LedgerEntry): Promise<void>;
  /** When a certificate, if it is in the ledger, and its principal were last seen; nothing else of them is changed. */
  noteSeen(fingerprint: Fingerprint, id: PrincipalId, at: Instant): Promise<void>;
  putRenewal(renewal: Renewal): Promise<void>;
  /** Keeps the request a renewal accepted, replacing an earlier one. */
  putRequest(renewalId: string, request: ApprovedRequest): Promise<void>;
  putUpload(renewalId: string, total: number, bytes: Uint8Array): Promise<void>;
  dropUpload(renewalId: string): Promise<void>;
  putEnvelope(renewalId: string, der: Uint8Array): Promise<void>;
  /** Forgets it; that nothing of it stays on the disk, {@link Store.scrub} sees to. */
  dropEnvelope(renewalId: string): Promise<void>;
  putDelegation(delegation: Delegation): Promise<void>;
  /** Counts one renewal begun under a delegation on this day. */
  useDelegation(id: string, day: number): Promise<void>;
  putPresence(presence: Presence): Promise<void>;
  /**
   * When this principal must be looked at for alerts next; null: when something about it changes. That it changed, its certificates,
   * renewals or record, the store itself notices and has it looked at: this is for times, and for policies that changed.
   */
  putWatch(id: PrincipalId, dueAt: Instant | null): Promise<void>;
  putAlert(alert: Alert): Promise<void>;
  /** Forgets those of the `limit` first lines of the journal that were recorded before this instant. Returns how many. */
  forgetJournal(before: Instant, limit: number): Promise<number>;
  /** Forgets `limit` alerts cleared before this instant, at most. Returns how many. */
  forgetAlerts(before: Instant, limit: number): Promise<number>;
  /** A sink is to be told of an event. */
  notify(sink: string, event: AlertEvent, alert: ToldAlert, dueAt: Instant): Promise<void>;
  dropNotification(id: number): Promise<void>;
  putOffNotification(id: number, dueAt: Instant): Promise<void>;
  /** Forgets what has waited longest for a sink, all but the `kept` newest. Returns how many. */
  trimNotifications(sink: string, kept: number): Promise<number>;
  putCampaign(campaign: StoredCampaign): Promise<void>;
  putFinding(finding: StoredFinding): Promise<void>;
  /** Forgets findings of this kind that were not made again since; only those whose subject begins with `prefix`, if there is one. */
  forgetFindings(kind: string, before: Instant, prefix?: string): Promise<void>;
  dropFinding(kind: string, subject: string): Promise<void>;
  putSetting(name: string, value: string): Promise<void>;
  /** Adds to what is owed; an effect with the same key is replaced and due at once. */
  owe(effect: Effect): Promise<void>;
  /** The effect was carried out; a newer one with the same key stays. */
  settle(effectId: number): Promise<void>;
  /** The effect failed and is due again at `dueAt`. */
  putOff(effectId: number, dueAt: Instant): Promise<void>;
  record(entry: JournalEntry): Promise<void>;
}

export interface Store {
  readonly read: Reader;
  readonly glance: Glance;
  /**
   * Runs `work` alone and commits it durably before resolving; a throw undoes all of it. `work` may await nothing but the
   * transaction it is given. Effects owed in it are told to `onOwed` listeners after the commit.
   */
  transact<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Told after a commit that owed something. One listener: the outbox. */
  onOwed(listener: () => void): void;
  /** Told after a commit that had something for a sink. One listener: the notifier. */
  onNotify(listener: () => void): void;
  /** Told of a write that the storage refused, and why, if {@link isWell} was true before. One listener: what alerts of it. */
  onRefused(listener: (reason: string) => void): void;
  /** False from a write that the storage refused (a full disk, say) until {@link probe} has found that it takes writes again. */
  readonly isWell: boolean;
  readonly file: StoreFile;
  /** Writes a little, durably, to find out whether that can be done. Rejects when it cannot. */
  probe(): Promise<void>;
  /** Leaves nothing on the disk of the envelopes that were dropped since the last time. Rejects when it cannot, and is to be tried again. */
  scrub(): Promise<void>;
  close(): Promise<void>;
}
