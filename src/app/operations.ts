// What operations are given and what they answer, and the error with which they fail.
import type { LedgerEntry } from '../domain/certificate.ts';
import type { Delegation } from '../domain/delegation.ts';
import type { OperationCode } from '../domain/operation-codes.ts';
import type { KeyMode } from '../domain/policy.ts';
import type { CarriedContact, Contact, Criticality, Encoding, Principal, PrincipalKind } from '../domain/principal.ts';
import type { RenewalRefusal } from '../domain/refusal.ts';
import type { Renewal } from '../domain/renewal.ts';
import type { Cohort } from '../domain/rollout.ts';
import type { CutOffView, Dryable, DryRunView, Insistence } from './decision-views.ts';
import type { PresenceView } from './progress-views.ts';

export type { DarkDevice, ForecastQuery, ForecastView } from './forecast-views.ts';
export type { ReconcileReport, ReconcileRequest } from './reconcile-views.ts';

export interface NewDevice extends Insistence {
  readonly id: string;
  readonly owner: string;
  readonly kind?: PrincipalKind;
  readonly class?: string;
  readonly site?: string;
  readonly gateway?: string;
  readonly criticality?: Criticality;
  readonly encoding?: Encoding;
  readonly modes?: readonly KeyMode[];
  /** Bytes of the largest MQTT packet it takes. */
  readonly maxPacket?: number;
  readonly slots?: number;
  readonly cohort?: Cohort;
}

export interface InventoryFile extends Insistence, Dryable {
  readonly format: 'csv' | 'jsonl';
  /** UTF-8, whole or as it is read. */
  readonly text: string | AsyncIterable<Uint8Array>;
}

/** A ledger entry without its DER, times in Unix milliseconds. */
export type CertificateView = Omit<LedgerEntry, 'der'>;

export interface DeviceView {
  readonly principal: Principal;
  readonly contact: Contact | null;
  /** What was said of a device through each gateway that speaks for it now. */
  readonly carried: readonly CarriedContact[];
  /** Null: it never came since {@link trackedSince}. */
  readonly presence: PresenceView | null;
  /** Since when it is noted who comes and goes; null: no gateway has run on this home yet. */
  readonly trackedSince: number | null;
  readonly certificates: readonly CertificateView[];
  readonly renewals: readonly Renewal[];
  /** What those renewals were refused. */
  readonly refusals: readonly RenewalRefusal[];
  /** Of a device, those in force under which gateways act for it; of a gateway, those it holds. */
  readonly delegations: readonly Delegation[];
}

export interface NewDelegation extends Dryable {
  readonly gateway: string;
  /** Devices by id, or a site: one of the two. */
  readonly devices?: readonly string[];
  readonly site?: string;
  readonly modes: readonly string[];
  /** A duration from now, or an ISO 8601 date or time. */
  readonly until: string;
  /** Renewals it may begin in a day (UTC). */
  readonly daily: number;
  /** May it carry the devices' telemetry? Absent: no. */
  readonly telemetry?: boolean;
}

export interface DelegationView extends Delegation {
  readonly usedToday: number;
}

export interface AddedDelegationView extends DelegationView {
  /** Devices that it covers now; of a site, those that come to it later too. */
  readonly covers: number;
  readonly dryRun?: DryRunView;
}

export interface RevokedDelegationView extends DelegationView {
  readonly cutOff: CutOffView;
  readonly dryRun?: DryRunView;
}

export interface RevokedCertificateView extends CertificateView {
  /** Certificates that were revoked with it, over the same key or asked for with it. */
  readonly also: number;
  readonly dryRun?: DryRunView;
}

export interface DecommissionedView {
  readonly revoked: number;
  readonly cancelled: number;
  readonly delegations: number;
  /** Of a gateway. */
  readonly cutOff?: CutOffView;
  readonly dryRun?: DryRunView;
}

export interface QuarantinedView extends Principal {
  /** Of a gateway that is kept out. */
  readonly cutOff?: CutOffView;
}

export interface IssuedView {
  readonly certificate: CertificateView;
  /** PEM: the leaf, then its chain. */
  readonly certificatePem: string;
  /** PEM, PKCS#8. Made on request, handed over once, never kept. */
  readonly keyPem: string;
  /** PEM of the root. */
  readonly rootPem: string;
}

export interface SourceView {
  readonly name: string;
  readonly everyMs: number;
  /** Null: never read. */
  readonly state: {
    readonly at: number;
    readonly outcome: 'good' | 'refused' | 'failed';
    readonly detail: string;
  } | null;
}

export interface Check {
  /** `error`: broken or over; `critical`: an alert of that severity stands for it, or would. */
  readonly level: 'ok' | 'warning' | 'error' | 'critical';
  readonly subject: string;
  readonly detail: string;
}

/** An operation that could not be carried out, for a reason the operator can act on. */
export class OperationError extends Error {
  readonly code: OperationCode;
  readonly faults: readonly string[];
  constructor(code: OperationCode, faults: readonly string[]) {
    super(faults.join('; '));
    this.name = 'OperationError';
    this.code = code;
    this.faults = faults;
  }
}
