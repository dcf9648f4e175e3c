// What one unit of work reads and writes through. A plain class, because one is made for each unit.
import type { Alert, AlertEvent, ToldAlert } from '../../domain/alert.ts';
import type { Fingerprint, LedgerEntry } from '../../domain/certificate.ts';
import type { Delegation } from '../../domain/delegation.ts';
import { type Effect, type Owed, owedAs } from '../../domain/effect.ts';
import { NolapseError } from '../../domain/errors.ts';
import type { IssuingSlot } from '../../domain/issuing-slots.ts';
import type { CarriedContact, Contact, Principal, PrincipalId } from '../../domain/principal.ts';
import type { RenewalRefusal } from '../../domain/refusal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import type { ApprovedRequest } from '../../domain/request.ts';
import type { RevokedIssuing, RootList } from '../../domain/root-list.ts';
import type { Instant } from '../../domain/time.ts';
import type { TrustRecord } from '../../domain/trust-record.ts';
import type { KeptStep, TrustTold } from '../../domain/trust-told.ts';
import type { StoredCampaign } from '../../ports/campaigns.ts';
import type { CarriedUpload } from '../../ports/carried.ts';
import type { JournalEntry } from '../../ports/journal.ts';
import type { StoredFinding } from '../../ports/oversight.ts';
import type { Presence } from '../../ports/presence.ts';
import type { OpenedList, SignedList } from '../../ports/revocation-lists.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import type { Transaction } from '../../ports/store.ts';
import { ApiTableWriter } from './api-writer.ts';
import type { KnownTables } from './known-tables.ts';
import type { OpenUnit } from './unit-queue.ts';

export class UnitTransaction extends ApiTableWriter implements Transaction {
  readonly #unit: OpenUnit;
  readonly #tables: KnownTables;
  readonly #owed = new Set<Owed>();
  readonly #notified = new Set<string>();
  #drops = false;
  readonly #carriedOut: number[] = [];

  constructor(tables: KnownTables, unit: OpenUnit) {
    super(tables);
    this.#unit = unit;
    this.#tables = tables;
  }

  /** What effects it has owed. */
  get owed(): ReadonlySet<Owed> {
    return this.#owed;
  }

  /** The sinks it has something for. */
  get notified(): ReadonlySet<string> {
    return this.#notified;
  }

  /** Has it dropped what nobody is to read any more? */
  get drops(): boolean {
    return this.#drops;
  }

  /** The effects it has settled or put off. */
  get carriedOut(): readonly number[] {
    return this.#carriedOut;
  }

  /** Before a late write lands in another's unit, it fails. */
  #open(): KnownTables {
    if (!this.#unit.open) throw new NolapseError('unit_closed', 'the transaction has ended');
    return this.#tables;
  }

  protected override open(): KnownTables {
    return this.#open();
  }

  async putPrincipal(principal: Principal): Promise<void> {
    this.#open().putPrincipal(principal);
  }

  async putContact(contact: Contact): Promise<void> {
    this.#open().putContact(contact);
  }

  async putCarriedContact(contact: CarriedContact): Promise<void> {
    this.#open().putCarriedContact(contact);
  }

  async dropCarriedContacts(gateway: PrincipalId, but: string, now: Instant): Promise<void> {
    this.#open().dropCarriedContacts(gateway, but, now);
  }

  async noteSigned(renewalId: string): Promise<void> {
    this.#open().noteSigned(renewalId);
  }

  async noteActivatedThrough(fingerprint: Fingerprint, via: PrincipalId): Promise<void> {
    this.#open().noteActivatedThrough(fingerprint, via);
  }

  async putRefusal(refusal: RenewalRefusal): Promise<void> {
    this.#open().putRefusal(refusal);
  }

  async settleRefusals(renewalId: string, at: Instant): Promise<void> {
    this.#open().settleRefusals(renewalId, at);
  }

  async putCertificate(entry: LedgerEntry): Promise<void> {
    this.#open().putCertificate(entry);
  }

  async noteSeen(fingerprint: Fingerprint, id: PrincipalId, at: Instant): Promise<void> {
    const tables = this.#open();
    tables.certificateSeen(fingerprint, at);
    tables.principalSeen(id, at);
  }

  async putRenewal(renewal: Renewal): Promise<void> {
    this.#open().putRenewal(renewal);
  }

  async putRequest(renewalId: string, request: ApprovedRequest): Promise<void> {
    const tables = this.#open();
    tables.claimKey(request.keyFingerprint, request.principalId);
    tables.putRequest(renewalId, request);
  }

  async putUpload(renewalId: string, total: number, bytes: Uint8Array): Promise<void> {
    this.#open().putUpload(renewalId, total, bytes);
  }

  async putCarriedUpload(renewalId: string, upload: CarriedUpload): Promise<void> {
    this.#open().putCarriedUpload(renewalId, upload);
  }

  async dropUpload(renewalId: string): Promise<void> {
    this.#open().dropUpload(renewalId);
  }

  async dropCarriedUpload(renewalId: string, gateway: PrincipalId): Promise<void> {
    this.#open().dropCarriedUpload(renewalId, gateway);
  }

  async dropUploads(renewalId: string): Promise<void> {
    const tables = this.#open();
    tables.dropUpload(renewalId);
    tables.dropCarriedUploads(renewalId);
  }

  async putEnvelope(renewalId: string, der: Uint8Array): Promise<void> {
    this.#open().putEnvelope(renewalId, der);
  }

  async dropEnvelope(renewalId: string): Promise<void> {
    this.#open().dropEnvelope(renewalId);
    this.#drops = true;
  }

  async putDelegation(delegation: Delegation): Promise<void> {
    this.#open().putDelegation(delegation);
  }

  async useDelegation(id: string, day: number): Promise<void> {
    this.#open().useDelegation(id, day);
  }

  async putPresence(presence: Presence): Promise<void> {
    this.#open().putPresence(presence);
  }

  async putWatch(id: PrincipalId, dueAt: Instant | null): Promise<void> {
    this.#open().putWatch(id, dueAt);
  }

  async putAlert(alert: Alert): Promise<void> {
    this.#open().putAlert(alert);
  }

  async forgetAlerts(before: Instant, limit: number): Promise<number> {
    return this.#open().forgetAlerts(before, limit);
  }

  async forgetJournal(before: Instant, limit: number): Promise<number> {
    return this.#open().forgetJournal(before, limit);
  }

  async notify(sink: string, event: AlertEvent, alert: ToldAlert, dueAt: Instant): Promise<void> {
    this.#notified.add(sink);
    this.#open().notify(sink, event, alert, dueAt);
  }

  async dropNotification(id: number): Promise<void> {
    this.#open().dropNotification(id);
  }

  async putOffNotification(id: number, dueAt: Instant): Promise<void> {
    this.#open().putOffNotification(id, dueAt);
  }

  async trimNotifications(sink: string, kept: number): Promise<number> {
    return this.#open().trimNotifications(sink, kept);
  }

  async putCampaign(campaign: StoredCampaign): Promise<void> {
    this.#open().putCampaign(campaign);
  }

  async putFinding(finding: StoredFinding): Promise<void> {
    this.#open().putFinding(finding);
  }

  async forgetFindings(kind: string, before: Instant, prefix = ''): Promise<void> {
    this.#open().forgetFindings(kind, before, prefix);
  }

  async dropFinding(kind: string, subject: string): Promise<void> {
    this.#open().dropFinding(kind, subject);
  }

  async putTrustRecord(record: TrustRecord): Promise<void> {
    this.#open().putTrustRecord(record);
  }

  async putSetting(name: string, value: string): Promise<void> {
    this.#open().putSetting(name, value);
  }

  async openRevocationList(list: OpenedList): Promise<void> {
    this.#open().openRevocationList(list);
  }

  async putIssuingSlot(slot: IssuingSlot): Promise<void> {
    this.#open().putIssuingSlot(slot);
  }

  async forgetFirstCas(): Promise<void> {
    const tables = this.#open();
    tables.forgetFirstIssuingSlot();
    tables.forgetFirstRootSlot();
  }

  async putRootSlot(slot: KeptRoot, step: Uint8Array | null = null): Promise<void> {
    this.#open().putRootSlot(slot, step);
  }

  async putRootList(list: RootList, der: Uint8Array): Promise<void> {
    this.#open().putRootList(list, der);
  }

  async revokeIssuing(revoked: RevokedIssuing): Promise<void> {
    this.#open().revokeIssuing(revoked);
  }

  async settleFirstIssuer(authorityKeyIdentifier: Uint8Array): Promise<void> {
    this.#open().settleFirstIssuer(authorityKeyIdentifier);
  }

  async putSignedList(list: SignedList): Promise<void> {
    this.#open().putSignedList(list);
  }

  async dropRevocationList(shard: number): Promise<void> {
    this.#open().dropRevocationList(shard);
  }

  async nameShard(fingerprint: Fingerprint, shard: number): Promise<void> {
    this.#open().nameShard(fingerprint, shard);
  }

  async putTrustStep(step: KeptStep, bytes: Uint8Array): Promise<void> {
    this.#open().putTrustStep(step, bytes);
  }

  async forgetTrustSteps(now: Instant): Promise<number> {
    const tables = this.#open();
    const over = tables.trustSteps().filter(({ keptUntil }) => keptUntil <= now);
    for (const { sequence } of over) tables.forgetTrustStep(sequence);
    return over.length;
  }

  async putTrustTold(told: TrustTold): Promise<void> {
    this.#open().putTrustTold(told);
  }

  async enqueue(effect: Effect): Promise<void> {
    this.#owed.add(owedAs(effect));
    this.#open().enqueue(effect);
  }

  async complete(effectId: number): Promise<void> {
    this.#open().complete(effectId);
    this.#carriedOut.push(effectId);
  }

  async putOff(effectId: number, dueAt: Instant): Promise<void> {
    this.#open().putOff(effectId, dueAt);
    this.#carriedOut.push(effectId);
  }

  async record(entry: JournalEntry): Promise<void> {
    this.#open().record(entry);
  }
}
