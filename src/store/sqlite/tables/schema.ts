// The tables as the query builder sees them, in the domain's own types: what is read back is what was written, so a brand
// is restored here and nowhere else. The migrations hold the truth about columns and constraints.
import { DummyDriver, type Generated, type GeneratedAlways, Kysely, SqliteAdapter, SqliteIntrospector } from 'kysely';
import type { ActorChannel } from '../../../domain/actor.ts';
import type { AlertEvent, AlertKind, Severity } from '../../../domain/alert.ts';
import type { CertificateState, Fingerprint, RevocationReason, Serial } from '../../../domain/certificate.ts';
import type {
  Cohort,
  Criticality,
  Encoding,
  KeyMode,
  PrincipalId,
  PrincipalKind,
  PrincipalStatus,
} from '../../../domain/principal.ts';
import type { RenewalState } from '../../../domain/renewal.ts';
import type { CampaignState } from '../../../domain/rollout.ts';
import type { Instant } from '../../../domain/time.ts';
import type { CampaignTask } from '../../../ports/campaigns.ts';
import { Compiler } from '../compiler.ts';
import type { ApiCredentialTable, ApprovalTable } from './api-table.ts';
import type { Carried, RefusalTable } from './carried-tables.ts';
import type { DelegationDeviceTable, DelegationTable, DelegationUseTable } from './delegation-tables.ts';
import type { IssuingSlotTable } from './issuing-slot-table.ts';
import type { FindingTable, SettingTable, TallyTable, WatchTable } from './oversight-tables.ts';
import type { RevocationListTable } from './revocation-list-table.ts';
import type { RevokedIssuingTable, RootListTable } from './root-list-tables.ts';
import type { RootSlotTable } from './root-slot-table.ts';
import type { TrustStepTable, TrustToldTable } from './trust-step-tables.ts';
import type { TrustRecordTable, TrustTallyTable } from './trust-tables.ts';

interface PrincipalTable {
  id: PrincipalId;
  kind: PrincipalKind;
  status: PrincipalStatus;
  owner: string;
  class: string;
  criticality: Criticality;
  site: string | null;
  gateway: PrincipalId | null;
  encoding: Encoding | null;
  /** Joined with commas. */
  modes: string;
  packet_bytes_max: number | null;
  slots: number | null;
  cohort: Cohort | null;
  source: string | null;
  /** Kept by triggers. */
  lit_until: GeneratedAlways<Instant | null>;
  last_root: Generated<number>;
  next_root: Generated<number>;
  next_stored: Generated<number>;
  next_counted: Generated<number>;
}

interface ContactTable {
  principal_id: PrincipalId;
  encoding: Encoding | null;
  packet_bytes_max: number | null;
  slots: number | null;
  clock_skew_ms: number | null;
  last_seen_at: Instant | null;
}

interface CertificateTable {
  id: Generated<number>;
  fingerprint: Fingerprint;
  serial: Serial;
  principal_id: PrincipalId;
  state: CertificateState;
  not_before: Instant;
  not_after: Instant;
  key_fingerprint: Fingerprint;
  renewal_id: string | null;
  issued_at: Instant;
  activated_at: Instant | null;
  last_seen_at: Instant | null;
  renew_at: Instant | null;
  overlap_until: Instant | null;
  revoked_at: Instant | null;
  revocation_reason: RevocationReason | null;
  der: Uint8Array;
  issuer: number | null;
  crl_shard: Generated<number | null>;
  activated_via: Generated<PrincipalId | null>;
  ends_at: GeneratedAlways<Instant | null>;
  lights_until: GeneratedAlways<Instant>;
}

interface RenewalTable {
  row: Generated<number>;
  id: string;
  principal_id: PrincipalId;
  state: RenewalState;
  mode: KeyMode;
  via: PrincipalId | null;
  campaign: string | null;
  cohort: Cohort | null;
  released_at: Instant | null;
  old_fingerprint: Fingerprint | null;
  new_fingerprint: Fingerprint | null;
  created_at: Instant;
  deadline: Instant;
  closes_at: Instant;
  next_at: Instant | null;
  attempts: number;
  requests: number;
  carried_requests: number;
  request_key: Fingerprint | null;
  lapsed_at: Instant | null;
  activated_at: Instant | null;
  confirmed_at: Instant | null;
  heard_at: Instant | null;
  reopened_at: Instant | null;
  failed_via: PrincipalId | null;
  last_code: string | null;
  last_detail: string | null;
  updated_at: Instant;
  ended: 0 | 1;
  shown: GeneratedAlways<RenewalState>;
  signed: Generated<0 | 1>;
}

interface KeyOwnerTable {
  key_fingerprint: Fingerprint;
  principal_id: PrincipalId;
  is_shared: Generated<0 | 1>;
}

interface RequestTable {
  renewal_id: string;
  principal_id: PrincipalId;
  kind: PrincipalKind;
  uri: string;
  serial: Serial;
  csr: Uint8Array | null;
  spki: Uint8Array;
  key_fingerprint: Fingerprint;
  not_before: Instant;
  not_after: Instant;
  profile: string;
}

interface UploadTable {
  renewal_id: string;
  total: number;
  bytes: Uint8Array;
}

interface EnvelopeTable {
  renewal_id: string;
  der: Uint8Array;
}

interface PresenceTable {
  principal_id: PrincipalId;
  gaps: Uint8Array;
  came_at: Instant;
  left_at: Instant | null;
}

interface AlertTable {
  kind: AlertKind;
  subject: string;
  severity: Severity;
  detail: string;
  owner: string | null;
  raised_at: Instant;
  updated_at: Instant;
  seen_at: Instant;
  acknowledged_at: Instant | null;
  acknowledged_by: string | null;
  cleared_at: Instant | null;
}

interface NotificationTable {
  id: Generated<number>;
  sink: string;
  event: AlertEvent;
  alert: string;
  due_at: Instant;
  attempts: number;
}

interface CampaignTable {
  id: string;
  reason: string;
  drill: 0 | 1;
  state: CampaignState;
  cohort: Cohort;
  issued_before: Instant;
  class: string | null;
  site: string | null;
  started_at: Instant;
  cohort_at: Instant;
  reached_at: Instant | null;
  detail: string | null;
  walked_to: string;
  walked: 0 | 1;
  reason_code: RevocationReason | null;
  other_issuer: 0 | 1;
  forgiven: number;
  left_out: number;
  task: CampaignTask | null;
  task_at: string;
  held_until: Instant | null;
}

interface CampaignProgressTable {
  campaign: string;
  cohort: Cohort;
  state: RenewalState;
  count: number;
}

interface EffectTable {
  id: Generated<number>;
  key: string;
  kind: string;
  body: string;
  rank: Instant | null;
  due_at: Instant;
  attempts: number;
}

interface JournalTable {
  id: Generated<number>;
  at: Instant;
  action: string;
  principal_id: PrincipalId | null;
  renewal_id: string | null;
  detail: string;
  actor: string | null;
  channel: ActorChannel | null;
  claimed: 0 | 1 | null;
  reason: string | null;
}

interface Schema {
  refusal: RefusalTable;
  principal: PrincipalTable;
  contact: ContactTable & { doubtful: number };
  carried_contact: ContactTable & Carried;
  certificate: CertificateTable;
  key_owner: KeyOwnerTable;
  renewal: RenewalTable;
  request: RequestTable;
  upload: UploadTable;
  carried_upload: UploadTable & Carried;
  envelope: EnvelopeTable;
  delegation: DelegationTable;
  delegation_device: DelegationDeviceTable;
  delegation_use: DelegationUseTable;
  presence: PresenceTable;
  watch: WatchTable;
  alert: AlertTable;
  notification: NotificationTable;
  campaign: CampaignTable;
  campaign_progress: CampaignProgressTable;
  finding: FindingTable;
  setting: SettingTable;
  effect: EffectTable;
  revocation_list: RevocationListTable;
  issuing_slot: IssuingSlotTable;
  root_slot: RootSlotTable;
  root_list: RootListTable;
  revoked_issuing: RevokedIssuingTable;
  trust_step: TrustStepTable;
  trust_told: TrustToldTable;
  api_credential: ApiCredentialTable;
  approval: ApprovalTable;
  journal: JournalTable;
  tally: TallyTable;
  trust_record: TrustRecordTable;
  trust_tally: TrustTallyTable;
  mqtt_session: { client_id: string };
}

/** The query builder. It only writes SQL; it holds no connection and can execute nothing. */
export const build = new Kysely<Schema>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new Compiler(),
  },
});
