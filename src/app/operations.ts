// What an operator can have done, over the control socket of a running gateway or on a home at rest: one method a command.
import type { Alert } from '../domain/alert.ts';
import type { LedgerEntry, RevocationReason } from '../domain/certificate.ts';
import type { Delegation } from '../domain/delegation.ts';
import type { KeyMode } from '../domain/policy.ts';
import type { CarriedContact, Contact, Criticality, Encoding, Principal, PrincipalKind } from '../domain/principal.ts';
import type { RenewalRefusal } from '../domain/refusal.ts';
import type { Renewal } from '../domain/renewal.ts';
import type { Cohort } from '../domain/rollout.ts';
import type { StoredFinding } from '../ports/oversight.ts';
import type { CutOffView, Dryable, DryRunView, Insistence, ReloadRequest } from './decision-views.ts';
import type { FleetView } from './fleet-view.ts';
import type { ForecastQuery, ForecastView } from './forecast-views.ts';
import type { CertificateFiles, ImportedView } from './import-views.ts';
import type { PolicyRow, PolicyView, ReloadView } from './operator/policy-views.ts';
import type { EvidenceQuery, EvidenceView } from './oversight/evidence.ts';
import type { PresenceView, RenewalView } from './progress-views.ts';
import type { ReconcileReport, ReconcileRequest } from './reconcile-views.ts';
import type { DeviceChange, DeviceChangedView, InventoryImportView } from './record-views.ts';
import type { CampaignPreview, CampaignView, NewCampaign, StartedCampaign } from './rollout/campaign-view.ts';

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

/**
 * Every method rejects with an OperationError: `invalid` with every fault named, `not_found`, `conflict`.
 * Lists are bounded by `limit` (at most 10,000; default 1,000).
 */
export interface Operations {
  /** Rejects with `conflict`, too, where the id takes client ids that others use and nobody insists. */
  addDevice(input: NewDevice): Promise<Principal>;
  /** All rows or none; faults name their line. Fields a row does not name stay. Rejects with `conflict` where it leaves certificates too little time and nobody insists. `format` is decided by the caller from the file's name or content. */
  importDevices(input: InventoryFile): Promise<InventoryImportView>;
  /** Rejects with `conflict` where an import of the same would be refused and nobody insists. */
  setDevice(input: DeviceChange): Promise<DeviceChangedView>;
  listDevices(query: {
    readonly status?: string;
    readonly kind?: string;
    readonly site?: string;
    readonly owner?: string;
    readonly source?: string;
    readonly after?: string;
    readonly limit?: number;
  }): Promise<Principal[]>;
  showDevice(input: { readonly id: string }): Promise<DeviceView>;
  issueDevice(input: { readonly id: string; readonly rsaBits?: number | undefined }): Promise<IssuedView>;
  decommissionDevice(input: Dryable & { readonly id: string; readonly reason?: string }): Promise<DecommissionedView>;
  quarantineDevice(input: { readonly id: string; readonly release?: boolean }): Promise<QuarantinedView>;
  addDelegation(input: NewDelegation): Promise<AddedDelegationView>;
  /** Ended and revoked ones too. */
  listDelegations(query: { readonly gateway?: string; readonly limit?: number }): Promise<DelegationView[]>;
  revokeDelegation(input: Dryable & { readonly id: string }): Promise<RevokedDelegationView>;
  listRenewals(query: {
    readonly device?: string;
    readonly state?: string;
    readonly limit?: number;
  }): Promise<Renewal[]>;
  showRenewal(input: { readonly id: string }): Promise<RenewalView>;
  /** Makes the renewal of a device's certificate due now. */
  runRenewal(input: { readonly device: string }): Promise<Renewal>;
  listCertificates(query: {
    readonly device?: string;
    readonly state?: string;
    readonly after?: string;
    readonly limit?: number;
  }): Promise<CertificateView[]>;
  /** All of them or none; faults name their file. */
  importCertificates(input: CertificateFiles): Promise<ImportedView>;
  /** `id` is a fingerprint or a serial, in hex. */
  showCertificate(input: { readonly id: string }): Promise<{ certificate: CertificateView; pem: string }>;
  revokeCertificate(
    input: Dryable & { readonly id: string; readonly reason?: RevocationReason },
  ): Promise<RevokedCertificateView>;
  /**
   * The complete CRL, signed anew when something waits to be listed or half its time has passed. `file` holds its DER, which may be
   * megabytes; it stays there until the second CRL after it.
   */
  crl(): Promise<{ number: number; thisUpdate: number; nextUpdate: number; entries: number; file: string }>;
  listSources(): Promise<SourceView[]>;
  /** Also rejects with `conflict` while this source is being read, and with `invalid` when the source has faults. */
  reconcile(input: ReconcileRequest): Promise<ReconcileReport>;
  /** In order of kind and subject. `after` is a subject. The fleet is looked over first, unless that takes long. */
  listFindings(query: {
    readonly kind?: string;
    readonly after?: string;
    readonly limit?: number;
  }): Promise<StoredFinding[]>;
  /** The newest first; cleared ones too, unless only `open` ones are asked for. */
  listAlerts(query: { readonly kind?: string; readonly open?: boolean; readonly limit?: number }): Promise<Alert[]>;
  showAlert(input: { readonly kind: string; readonly subject: string }): Promise<Alert>;
  /** Also rejects with `conflict` for one that is cleared. */
  acknowledgeAlert(input: { readonly kind: string; readonly subject: string; readonly by: string }): Promise<Alert>;
  /** What is still so is raised anew at the next look at it. */
  clearAlert(input: { readonly kind: string; readonly subject: string }): Promise<Alert>;
  /** Looks the whole fleet over now; how many findings there are of each kind. */
  lookOver(): Promise<Readonly<Record<string, number>>>;
  /** When the fleet was last looked over; null: never. */
  lookedOver(): Promise<{ readonly at: number | null }>;
  /** How much a campaign would mean; begins nothing. */
  previewCampaign(input: NewCampaign): Promise<CampaignPreview>;
  startCampaign(input: NewCampaign): Promise<StartedCampaign>;
  listCampaigns(query: { readonly limit?: number }): Promise<CampaignView[]>;
  showCampaign(input: { readonly id: string }): Promise<CampaignView>;
  pauseCampaign(input: { readonly id: string }): Promise<CampaignView>;
  /** Also one that stopped by itself: the failures until then are taken note of. */
  resumeCampaign(input: { readonly id: string }): Promise<CampaignView>;
  abortCampaign(input: { readonly id: string }): Promise<CampaignView>;
  /** Who is dark, who is expected to go dark by a date and who never had a certificate, as docs/operations.md has it. */
  forecast(query: ForecastQuery): Promise<ForecastView>;
  /** A page of the records behind a framework's controls; go on with its `next`. */
  evidence(query: EvidenceQuery): Promise<EvidenceView>;
  /** Every class at every criticality. */
  listPolicies(): Promise<PolicyRow[]>;
  /** Which rule gave one principal which value, and what follows from it. */
  explainPolicy(input: { readonly id: string }): Promise<PolicyView>;
  /**
   * Has the policies of the configuration take effect as it is now. Rejects with `invalid` and every fault, and with `conflict` where
   * no gateway runs, or where they leave certificates too little time and nobody insists.
   */
  reload(input?: ReloadRequest): Promise<ReloadView>;
  /** The fleet in figures, with what is wrong by owner. */
  fleet(): Promise<FleetView>;
  /**
   * Copies the ledger, as it is when the copy ends, into a file on this machine that must not exist. Rejects with `conflict` while another
   * copy is made, and when it fails; what there is of it then is the caller's to remove.
   */
  copyLedger(input: { readonly file: string }): Promise<{ readonly file: string }>;
  doctor(): Promise<Check[]>;
}

export type OperationName = keyof Operations;

/** An operation that could not be carried out, for a reason the operator can act on. */
export class OperationError extends Error {
  readonly code: 'invalid' | 'not_found' | 'conflict';
  readonly faults: readonly string[];
  constructor(code: 'invalid' | 'not_found' | 'conflict', faults: readonly string[]) {
    super(faults.join('; '));
    this.name = 'OperationError';
    this.code = code;
    this.faults = faults;
  }
}
