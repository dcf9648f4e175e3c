// Every metric's name, help and labels, in one place. Label values come from closed lists: what a peer sends never makes a
// new time series. docs/operations.md lists the same.
import { admissionReasons } from '../domain/admission.ts';
import { alertKinds, severities } from '../domain/alert.ts';
import { certificateStates } from '../domain/certificate.ts';
import { enrollmentCodes } from '../domain/errors.ts';
import { deadlineKinds } from '../domain/own-deadlines.ts';
import { renewalStates } from '../domain/renewal.ts';
import { foreseenDays } from '../domain/standing.ts';

interface Metric {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** Each label's values; anything else is counted as `other`. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

/** Why a connection ended before it was admitted or refused by a verdict. */
const connectionReasons = [
  'connections_max',
  'connections_per_address_max',
  'connections_unknown_max',
  'proxy_header',
  'descriptors',
  'handshake_failed',
  'control_untrusted',
  'control',
  'client_id_not_allowed',
  'protocol_version',
  'packet_too_large',
  'malformed_length',
  'connect_expected',
] as const;

export const metricTable = {
  nolapse_admissions_total: {
    type: 'counter',
    help: 'Verdicts on connects',
    labels: { verdict: ['full', 'renew-only', 'refused'], reason: Object.keys(admissionReasons) },
  },
  nolapse_enrollment_errors_total: {
    type: 'counter',
    help: 'Error messages sent to devices, by code',
    labels: { code: Object.keys(enrollmentCodes) },
  },
  nolapse_renewals_total: {
    type: 'counter',
    help: 'Steps that renewals took',
    labels: { state: [...renewalStates, 'confirmed', 'expired', 'closed', 'reopened'] },
  },
  nolapse_denied_total: {
    type: 'counter',
    help: 'Publishes and subscribes outside the access, or beyond a limit, of their session',
    labels: { action: ['publish', 'subscribe', 'subscriptions_max', 'filter_bytes', 'unreleased_messages'] },
  },
  nolapse_connections_refused_total: {
    type: 'counter',
    help: 'Connections ended before a verdict',
    labels: { reason: connectionReasons },
  },
  nolapse_connections_slowed_total: {
    type: 'counter',
    help: 'Connections that sent too many packets, each time this began',
    labels: {},
  },
  nolapse_messages_dropped_total: {
    type: 'counter',
    help: 'Messages that were not handed on',
    labels: { reason: ['queue_full', 'too_large', 'packet_too_large', 'not_taken'] },
  },
  nolapse_certificates_issued_total: { type: 'counter', help: 'Certificates issued by an operator', labels: {} },
  nolapse_certificates_revoked_total: { type: 'counter', help: 'Certificates revoked', labels: {} },
  nolapse_crl_published_total: { type: 'counter', help: 'CRLs signed', labels: {} },
  nolapse_failures_total: {
    type: 'counter',
    help: 'Work of the gateway itself that failed',
    labels: { what: ['admission', 'broker', 'connection', 'effect', 'chore', 'source', 'sweep', 'sink', 'authority'] },
  },
  nolapse_sessions_ended_total: { type: 'counter', help: 'Sessions that ended', labels: {} },
  nolapse_alerts_total: {
    type: 'counter',
    help: 'Alerts raised',
    labels: { kind: Object.keys(alertKinds) },
  },
  nolapse_notifications_dropped_total: {
    type: 'counter',
    help: 'Notifications of alerts that a sink was not told',
    labels: { reason: ['queue_full', 'refused'] },
  },
  nolapse_log_lines_dropped_total: {
    type: 'counter',
    help: 'Lines of the log that were not written',
    labels: {},
  },
  nolapse_unlisted_decisions_total: {
    type: 'counter',
    help: 'Decisions told under a name that is not listed: a defect of the gateway',
    labels: {},
  },
  nolapse_sessions: { type: 'gauge', help: 'Live sessions', labels: { lane: ['full', 'renew-only'] } },
  nolapse_certificates: {
    type: 'gauge',
    help: 'Certificates in the ledger, by state',
    labels: { state: certificateStates },
  },
  nolapse_renewals: {
    type: 'gauge',
    help: 'Renewals in the ledger, by the state they are listed in',
    labels: { state: renewalStates },
  },
  nolapse_lapsed: {
    type: 'gauge',
    help: 'Renewals that missed their deadline and whose replacement is not in use: those in the state lapsed',
    labels: {},
  },
  nolapse_late: {
    type: 'gauge',
    help: 'Renewals that missed their deadline and are settled now: renewed late, or called off',
    labels: {},
  },
  nolapse_dark_now: {
    type: 'gauge',
    help: 'Devices that had a certificate, and have none that lets them in any more',
    labels: {},
  },
  nolapse_dark_within: {
    type: 'gauge',
    help: 'Devices that are dark within so many days, those that are dark now among them',
    labels: { days: foreseenDays.map(String) },
  },
  nolapse_dark_within_as_of_seconds: {
    type: 'gauge',
    help: 'When nolapse_dark_within was worked out, in Unix seconds',
    labels: {},
  },
  nolapse_without_certificate: { type: 'gauge', help: 'Devices that never had a certificate', labels: {} },
  nolapse_nearest_not_after_seconds: {
    type: 'gauge',
    help: 'Next end of what lets a device in, in Unix seconds; 0: no device is let in',
    labels: {},
  },
  nolapse_ledger_writable: {
    type: 'gauge',
    help: '1 while the ledger takes what is written, else 0',
    labels: {},
  },
  nolapse_log_writable: {
    type: 'gauge',
    help: '1 while what is logged gets out, else 0',
    labels: {},
  },
  nolapse_issued_unrecorded: {
    type: 'gauge',
    help: 'Changes of the ledger that are not in the file of issued certificates',
    labels: {},
  },
  nolapse_alerts: {
    type: 'gauge',
    help: 'Alerts that are not cleared, by kind and severity',
    labels: { kind: Object.keys(alertKinds), severity: severities },
  },
  nolapse_notifications_waiting: {
    type: 'gauge',
    help: 'Notifications of alerts that wait for their sinks',
    labels: {},
  },
  nolapse_crl_entries: { type: 'gauge', help: 'Certificates on the complete CRL', labels: {} },
  nolapse_crl_waiting: { type: 'gauge', help: 'Revocations that the complete CRL does not show yet', labels: {} },
  nolapse_trust_principals: {
    type: 'gauge',
    help: 'Principals in service by how far they are with the root in a slot; unproved: those of them that still have to prove it',
    labels: { slot: ['next', 'current', 'former'], state: ['in_service', 'offered', 'stored', 'proved', 'unproved'] },
  },
  nolapse_trust_control_failed: {
    type: 'gauge',
    help: 'Principals that a control has shown not to verify the broker',
    labels: {},
  },
  nolapse_ca_not_after_seconds: {
    type: 'gauge',
    help: 'End of the first to end of the roots or issuing CAs in a slot, in Unix seconds; 0: there is none',
    labels: { ca: ['root', 'issuing'], slot: ['next', 'current', 'former'] },
  },
  nolapse_own_not_after_seconds: {
    type: 'gauge',
    help: 'First end of what the broker depends on, of each kind, in Unix seconds',
    labels: { which: deadlineKinds },
  },
} as const satisfies Record<string, Metric>;

type MetricTable = typeof metricTable;
export type MetricName = keyof MetricTable;
export type CounterName = { [N in MetricName]: MetricTable[N]['type'] extends 'counter' ? N : never }[MetricName];
export type GaugeName = Exclude<MetricName, CounterName>;
export type LabelsOf<N extends MetricName> = { readonly [L in keyof MetricTable[N]['labels']]: string };
