// Every step of the schema, in order. A new step is one new file and one line here.
import { ledgerMigration } from './0001-ledger.ts';
import { mqttMigration } from './0002-mqtt.ts';
import { delegationMigration } from './0003-delegation.ts';
import { oversightMigration } from './0004-oversight.ts';
import { journalTimeMigration } from './0005-journal-time.ts';
import { queuesMigration } from './0006-queues.ts';
import { campaignsMigration } from './0007-campaigns.ts';
import { mqttLimitsMigration } from './0008-mqtt-limits.ts';
import { campaignHeldMigration } from './0009-campaign-held.ts';
import { mqttUnreleasedMigration } from './0010-mqtt-unreleased.ts';
import { renewalReleasedMigration } from './0011-renewal-released.ts';
import { principalCaseMigration } from './0012-principal-case.ts';
import { renewalHeardMigration } from './0013-renewal-heard.ts';
import { carriedMigration } from './0014-carried.ts';
import { refusalMigration } from './0015-refusal.ts';
import { mqttSessionMigration } from './0016-mqtt-session.ts';
import { shownStateMigration } from './0017-shown-state.ts';
import { renewalSignedMigration } from './0018-renewal-signed.ts';
import { delegationTelemetryMigration } from './0019-delegation-telemetry.ts';
import { revocationListsMigration } from './0020-revocation-lists.ts';
import { alertOrderMigration } from './0021-alert-order.ts';
import { standingMigration } from './0022-standing.ts';
import { unrecordedMigration } from './0023-unrecorded.ts';
import { activatedViaMigration } from './0024-activated-via.ts';
import { mqttSpreadMigration } from './0025-mqtt-spread.ts';
import { requestCsrMigration } from './0026-request-csr.ts';
import { knownBlockMigration } from './0027-known-block.ts';
import { historyMigration } from './0028-history.ts';
import { actorMigration } from './0029-actor.ts';
import { keyOwnerMigration } from './0030-key-owner.ts';
import { revokeEffectMigration } from './0031-revoke-effect.ts';
import { lateTallyMigration } from './0032-late-tally.ts';
import { issuingSlotsMigration } from './0033-issuing-slots.ts';
import { rootSlotsMigration } from './0034-root-slots.ts';
import { trustRecordMigration } from './0035-trust-record.ts';
import { trustStepsMigration } from './0036-trust-steps.ts';
import { journalNotedMigration } from './0037-journal-noted.ts';
import { rootListsMigration } from './0038-root-lists.ts';
import { apiMigration } from './0039-api.ts';
import type { Migration } from './migration.ts';

export const migrations: readonly Migration[] = [
  ledgerMigration,
  mqttMigration,
  delegationMigration,
  oversightMigration,
  journalTimeMigration,
  queuesMigration,
  campaignsMigration,
  mqttLimitsMigration,
  campaignHeldMigration,
  mqttUnreleasedMigration,
  renewalReleasedMigration,
  principalCaseMigration,
  renewalHeardMigration,
  carriedMigration,
  refusalMigration,
  mqttSessionMigration,
  shownStateMigration,
  renewalSignedMigration,
  delegationTelemetryMigration,
  revocationListsMigration,
  alertOrderMigration,
  standingMigration,
  unrecordedMigration,
  activatedViaMigration,
  mqttSpreadMigration,
  requestCsrMigration,
  knownBlockMigration,
  historyMigration,
  actorMigration,
  keyOwnerMigration,
  revokeEffectMigration,
  lateTallyMigration,
  issuingSlotsMigration,
  rootSlotsMigration,
  trustRecordMigration,
  trustStepsMigration,
  journalNotedMigration,
  rootListsMigration,
  apiMigration,
];
