// The ledger's store as a whole: what can be read, what one unit of work can change, and what every engine that holds it has to keep.
import type { Owed } from '../domain/effect.ts';
import type { AlertReader, AlertWriter } from './alerts.ts';
import type { ApiCredentialReader, ApiCredentialWriter } from './api-credentials.ts';
import type { ApprovalReader, ApprovalWriter } from './approvals.ts';
import type { CampaignReader, CampaignWriter } from './campaigns.ts';
import type { CarriedReader, CarriedWriter } from './carried.ts';
import type { DelegationReader, DelegationWriter } from './delegations.ts';
import type { FleetReader } from './fleet.ts';
import type { Glance } from './glance.ts';
import type { InventoryReader, InventoryWriter } from './inventory.ts';
import type { IssuingSlotReader, IssuingSlotWriter } from './issuing-slots.ts';
import type { JournalReader, JournalWriter } from './journal.ts';
import type { LedgerReader, LedgerWriter } from './ledger.ts';
import type { NotificationReader, NotificationWriter } from './notifications.ts';
import type { OutboxClaims, OutboxReader, OutboxWriter } from './outbox.ts';
import type { OutlookReader } from './outlooks.ts';
import type { OversightReader, OversightWriter } from './oversight.ts';
import type { PeriodReader } from './period.ts';
import type { PresenceReader, PresenceWriter } from './presence.ts';
import type { RenewalReader, RenewalWriter } from './renewals.ts';
import type { RevocationListReader, RevocationListWriter } from './revocation-lists.ts';
import type { RootListReader, RootListWriter } from './root-lists.ts';
import type { RootSlotReader, RootSlotWriter } from './root-slots.ts';
import type { SettingReader, SettingWriter } from './settings.ts';
import type { StoreFile } from './store-file.ts';
import type { TrustReader, TrustWriter } from './trust.ts';
import type { TrustStepReader, TrustStepWriter } from './trust-steps.ts';

export interface Reader
  extends AlertReader,
    ApiCredentialReader,
    ApprovalReader,
    CampaignReader,
    CarriedReader,
    DelegationReader,
    FleetReader,
    InventoryReader,
    IssuingSlotReader,
    JournalReader,
    LedgerReader,
    NotificationReader,
    OutboxReader,
    OutlookReader,
    OversightReader,
    PeriodReader,
    PresenceReader,
    RenewalReader,
    RevocationListReader,
    RootListReader,
    RootSlotReader,
    SettingReader,
    TrustReader,
    TrustStepReader {}

export interface Transaction
  extends Reader,
    AlertWriter,
    ApiCredentialWriter,
    ApprovalWriter,
    CampaignWriter,
    CarriedWriter,
    DelegationWriter,
    InventoryWriter,
    IssuingSlotWriter,
    JournalWriter,
    LedgerWriter,
    NotificationWriter,
    OutboxWriter,
    OversightWriter,
    PresenceWriter,
    RenewalWriter,
    RevocationListWriter,
    RootListWriter,
    RootSlotWriter,
    SettingWriter,
    TrustWriter,
    TrustStepWriter {}

/**
 * When a unit is committed: `now`, or `soon`, together with the next one that cannot wait, and after a moment in any case (50 ms on SQLite).
 * `soon` is for what is known elsewhere, or is found out again where it is lost: that a message was sent.
 */
export type Pace = 'now' | 'soon';

export interface Store {
  readonly read: Reader;
  readonly glance: Glance;
  readonly claims: OutboxClaims;
  /**
   * Runs a unit of work and commits it durably before resolving; a throw undoes all of it, and nobody sees any of it before.
   *
   * Units that read or write what belongs to one principal, or one and the same other row, take effect one after another. One that begins
   * after another was committed sees what that has written. Between units of different principals there is no order: what must hold
   * across them is a constraint or a conditional write of the port that it belongs to.
   *
   * `work` may be run again, when the first run could not be committed. So it changes nothing but the transaction: no counter, no set,
   * no message. It awaits nothing but the transaction, makes no key, and makes or verifies no signature.
   */
  transact<T>(work: (tx: Transaction) => Promise<T>, pace?: Pace): Promise<T>;
  /**
   * Told when something may have been owed, and what, soon after the commit that owed it, once for many. One listener: the outbox.
   */
  onOwed(listener: (owed: ReadonlySet<Owed>) => void): void;
  /** The same when sinks may have something to be told, and which. One listener: the notifier. */
  onNotify(listener: (sinks: ReadonlySet<string>) => void): void;
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
