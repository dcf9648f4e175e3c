// Reads of the tables, at once. Nothing waits here; the methods are asynchronous because the port is.
import type { AlertKind, AlertName } from '../../domain/alert.ts';
import type { Fingerprint, Serial } from '../../domain/certificate.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { PrincipalQuery } from '../../ports/inventory.ts';
import type { QueuedKind } from '../../ports/outbox.ts';
import type { OutlookPlace } from '../../ports/outlooks.ts';
import type { FindingQuery } from '../../ports/oversight.ts';
import type { Page } from '../../ports/page.ts';
import type { JournalPlace } from '../../ports/period.ts';
import type { RenewalQuery } from '../../ports/renewals.ts';
import type { Reader } from '../../ports/store.ts';
import { ApiTableReader } from './api-reader.ts';

export class TableReader extends ApiTableReader implements Reader {
  async principal(id: PrincipalId) {
    return this.tables.principal(id);
  }

  async caseTwin(id: PrincipalId) {
    return this.tables.caseTwin(id);
  }

  async caseTwins(after: PrincipalId | null, looked: number) {
    return this.tables.caseTwins(after, looked);
  }

  async storedClientIds(id: PrincipalId) {
    return this.tables.storedClientIds(id);
  }

  async principals(query: PrincipalQuery, page: Page) {
    return this.tables.principals(query, page);
  }

  async contact(id: PrincipalId) {
    return this.tables.contact(id);
  }

  async carriedContacts(id: PrincipalId) {
    return this.tables.carriedContacts(id);
  }

  async refusalsOf(renewalId: string) {
    return this.tables.refusalsOf(renewalId);
  }

  async certificate(fingerprint: Fingerprint) {
    return this.tables.certificate(fingerprint);
  }

  async certificateBySerial(serial: Serial) {
    return this.tables.certificateBySerial(serial);
  }
  async certificatesBeginning(digits: string, limit: number) {
    return this.tables.certificatesBeginning(digits, limit);
  }

  async certificatesOf(id: PrincipalId, page: Page) {
    return this.tables.certificatesOf(id, page);
  }

  async heldCertificates(id: PrincipalId, page: Page) {
    return this.tables.heldCertificates(id, page);
  }

  async wasSeen(id: PrincipalId) {
    return this.tables.wasSeen(id);
  }

  async certificates(page: Page) {
    return this.tables.certificates(page);
  }

  async certificatesByKey(key: Fingerprint, limit: number) {
    return this.tables.certificatesByKey(key, limit);
  }

  async heldByKey(key: Fingerprint, page: Page) {
    return this.tables.heldByKey(key, page);
  }

  async keyRecord(key: Fingerprint) {
    return this.tables.keyRecord(key);
  }

  async renewal(id: string) {
    return this.tables.renewal(id);
  }

  async currentRenewal(id: PrincipalId) {
    return this.tables.currentRenewal(id);
  }

  async openRenewalFor(old: Fingerprint) {
    return this.tables.openRenewalFor(old);
  }

  async unendedRenewals(id: PrincipalId) {
    return this.tables.unendedRenewals(id);
  }

  async renewals(query: RenewalQuery, limit: number) {
    return this.tables.renewals(query, limit);
  }

  async renewalsAfter(row: number, limit: number) {
    return this.tables.renewalsAfter(row, limit);
  }

  async request(renewalId: string) {
    return this.tables.request(renewalId);
  }

  async upload(renewalId: string) {
    return this.tables.upload(renewalId);
  }

  async carriedUploads(renewalId: string) {
    return this.tables.carriedUploads(renewalId);
  }

  async envelope(renewalId: string) {
    return this.tables.envelope(renewalId);
  }

  async delegation(id: string) {
    return this.tables.delegation(id);
  }

  async delegations(limit: number, after?: string) {
    return this.tables.delegations(limit, after);
  }

  async delegationsOf(gateway: PrincipalId, limit: number) {
    return this.tables.delegationsOf(gateway, limit);
  }

  async standingDelegations(gateway: PrincipalId, now: Instant) {
    return this.tables.standingDelegations(gateway, now);
  }

  async delegationsFor(device: PrincipalId, site: string | null) {
    return this.tables.delegationsFor(device, site);
  }

  async delegationUse(id: string, day: number) {
    return this.tables.delegationUse(id, day);
  }

  async presence(id: PrincipalId) {
    return this.tables.presence(id);
  }

  async outlooksOf(id: PrincipalId) {
    return this.tables.outlooksOf(id);
  }

  async outlooks(until: Instant, after: OutlookPlace | null, limit: number) {
    return this.tables.outlooks(until, after, limit);
  }

  async alert(kind: AlertKind, subject: string) {
    return this.tables.alert(kind, subject);
  }

  async openAlerts(after: AlertName | null, limit: number) {
    return this.tables.openAlerts(after, limit);
  }

  async openAlertsOf(id: PrincipalId) {
    return this.tables.openAlertsOf(id);
  }

  async quietAlerts(kind: AlertKind, before: Instant, now: Instant, limit: number) {
    return this.tables.quietAlerts(kind, before, now, limit);
  }

  async alerts(query: { readonly open?: boolean; readonly kind?: AlertKind }, limit: number) {
    return this.tables.alerts(query, limit);
  }

  async alertsAfter(after: AlertName | null, limit: number) {
    return this.tables.alertsAfter(after, limit);
  }

  async notifications(sink: string, limit: number) {
    return this.tables.notifications(sink, limit);
  }

  async notifiedSinks() {
    return this.tables.notifiedSinks();
  }

  async waitingNotifications(sink: string) {
    return this.tables.waitingNotifications(sink);
  }

  async campaign(id: string) {
    return this.tables.campaign(id);
  }

  async campaigns(limit: number) {
    return this.tables.campaigns(limit);
  }

  async unfinishedCampaigns() {
    return this.tables.unfinishedCampaigns();
  }

  async campaignProgress(id: string) {
    return this.tables.campaignProgress(id);
  }

  async campaignRenewals(id: string, after: string, limit: number) {
    return this.tables.campaignRenewals(id, after, limit);
  }

  async findings(query: FindingQuery, limit: number) {
    return this.tables.findings(query, limit);
  }

  async certificatesInUse(first: PrincipalId, last: PrincipalId) {
    return this.tables.certificatesInUse(first, last);
  }

  async lastSeen(first: PrincipalId, last: PrincipalId) {
    return this.tables.lastSeen(first, last);
  }

  async setting(name: string) {
    return this.tables.setting(name);
  }

  async journal(query: { renewalId?: string }, limit: number) {
    return this.tables.journal(query, limit);
  }

  async notedSince(since: Instant, limit: number) {
    return this.tables.notedSince(since, limit);
  }

  async journalBetween(after: JournalPlace, until: Instant, limit: number) {
    return this.tables.journalBetween(after, until, limit);
  }

  async journalBegins() {
    return this.tables.journalBegins();
  }

  async trustSteps() {
    return this.tables.trustSteps();
  }

  async trustStepBytes(sequence: number) {
    return this.tables.trustStepBytes(sequence);
  }

  async trustTold(id: PrincipalId) {
    return this.tables.trustTold(id);
  }

  async dueTrustTold(now: Instant, limit: number) {
    return this.tables.dueTrustTold(now, limit);
  }

  async dueCertificates(now: Instant, limit: number) {
    return this.tables.dueCertificates(now, limit);
  }

  async dueRenewals(now: Instant, limit: number) {
    return this.tables.dueRenewals(now, limit);
  }

  async endedCertificates(now: Instant, limit: number) {
    return this.tables.endedCertificates(now, limit);
  }

  async dueWatches(now: Instant, limit: number) {
    return this.tables.dueWatches(now, limit);
  }

  async dueEffects(now: Instant, limit: number) {
    return this.tables.dueEffects(now, limit);
  }

  async queuedEffects(kind: QueuedKind, now: Instant, limit: number) {
    return this.tables.queuedEffects(kind, now, limit);
  }
}
