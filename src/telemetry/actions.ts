// The closed list of decisions: the name of each, how loud it is, and what it counts. docs/operations.md lists the same.
import type { Decision } from '../ports/decision-log.ts';
import type { Metrics } from './metrics.ts';

interface Action {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly count?: (metrics: Metrics, decision: Decision) => void;
  /** May a peer bring it about as often as it likes? Then a flood of it is told in few lines. */
  readonly folds?: true;
}

const unsaid = 'other';

function admission({ reason = unsaid }: Decision): 'full' | 'renew-only' {
  return reason === 'expired_in_grace' || reason === 'bootstrap' ? 'renew-only' : 'full';
}

function renewal(level: Action['level'] = 'info'): Action {
  return {
    level,
    count: (metrics, { action }) => metrics.count('nolapse_renewals_total', { state: action.slice('renewal.'.length) }),
  };
}

const connectionRefused: NonNullable<Action['count']> = (metrics, { reason = unsaid }) =>
  metrics.count('nolapse_connections_refused_total', { reason });

const notificationDropped: NonNullable<Action['count']> = (metrics, { reason = unsaid, fields }) =>
  metrics.count('nolapse_notifications_dropped_total', { reason }, Number(fields?.['nolapse.dropped_count'] ?? 1));

function failure(what: string, level: Action['level'] = 'error'): Action {
  return { level, count: (metrics) => metrics.count('nolapse_failures_total', { what }) };
}

export const actions = {
  'admission.admitted': {
    level: 'info',
    count: (metrics, decision) =>
      metrics.count('nolapse_admissions_total', { verdict: admission(decision), reason: decision.reason ?? unsaid }),
  },
  'admission.refused': {
    level: 'warn',
    folds: true,
    count: (metrics, { reason = unsaid }) => metrics.count('nolapse_admissions_total', { verdict: 'refused', reason }),
  },
  'renewal.due': renewal(),
  'renewal.offered': renewal(),
  'renewal.requested': renewal(),
  'renewal.issued': renewal(),
  'renewal.delivered': renewal(),
  'renewal.installed': renewal(),
  'renewal.activated': renewal(),
  'renewal.confirmed': renewal(),
  'renewal.retired': renewal(),
  'renewal.failed': renewal('warn'),
  'renewal.cancelled': renewal(),
  'renewal.expired': renewal('warn'),
  'renewal.closed': renewal('error'),
  'renewal.reopened': renewal('warn'),
  'renewal.run': { level: 'info' },
  'trust.announced': { level: 'info' },
  'trust.stored': { level: 'info' },
  'trust.failed': { level: 'warn' },
  'enrollment.refused': {
    level: 'warn',
    folds: true,
    count: (metrics, { reason = unsaid }) => metrics.count('nolapse_enrollment_errors_total', { code: reason }),
  },
  'enrollment.failed': {
    level: 'error',
    count: (metrics) => metrics.count('nolapse_enrollment_errors_total', { code: 'unavailable' }),
  },
  'delegation.refused': {
    level: 'warn',
    folds: true,
    count: (metrics, { reason = unsaid }) => metrics.count('nolapse_enrollment_errors_total', { code: reason }),
  },
  'delegation.added': { level: 'info' },
  'delegation.revoked': { level: 'info' },
  'access.denied': {
    level: 'warn',
    folds: true,
    count: (metrics, { reason = unsaid }) => metrics.count('nolapse_denied_total', { action: reason }),
  },
  'subscription.refused': {
    level: 'warn',
    folds: true,
    count: (metrics, { reason = unsaid }) => metrics.count('nolapse_denied_total', { action: reason }),
  },
  'message.unanswered': {
    level: 'warn',
    folds: true,
    count: (metrics, { reason = unsaid }) => metrics.count('nolapse_denied_total', { action: reason }),
  },
  'session.ended': { level: 'info', count: (metrics) => metrics.count('nolapse_sessions_ended_total', {}) },
  'session.forgotten': { level: 'info', folds: true },
  'connection.refused': { level: 'warn', folds: true, count: connectionRefused },
  'packet.refused': { level: 'warn', folds: true, count: connectionRefused },
  'connection.slowed': {
    level: 'warn',
    folds: true,
    count: (metrics) => metrics.count('nolapse_connections_slowed_total', {}),
  },
  'connection.failed': { ...failure('connection', 'debug'), folds: true },
  'message.dropped': {
    level: 'warn',
    folds: true,
    count: (metrics, { reason = unsaid }) => metrics.count('nolapse_messages_dropped_total', { reason }),
  },
  'message.too_large': {
    level: 'warn',
    folds: true,
    count: (metrics) => metrics.count('nolapse_messages_dropped_total', { reason: 'too_large' }),
  },
  'certificate.issued': {
    level: 'info',
    count: (metrics) => metrics.count('nolapse_certificates_issued_total', {}),
  },
  'certificate.imported': { level: 'info' },
  'certificate.activated': { level: 'info' },
  'certificate.expired': { level: 'info' },
  'certificate.revived': { level: 'warn' },
  'certificate.revoked': {
    level: 'info',
    count: (metrics) => metrics.count('nolapse_certificates_revoked_total', {}),
  },
  'trust.proved': { level: 'info' },
  'trust.reopened': { level: 'warn' },
  'trust.unsettled': { level: 'warn' },
  'trust.control_passed': { level: 'info' },
  'trust.control_failed': { level: 'warn' },
  'token.added': { level: 'info' },
  'token.revoked': { level: 'info' },
  'operator.added': { level: 'info' },
  'operator.revoked': { level: 'info' },
  'approval.asked': { level: 'info' },
  'approval.given': { level: 'info' },
  'approval.declined': { level: 'info' },
  'api.refused': { level: 'warn', folds: true },
  'device.added': { level: 'info' },
  'device.changed': { level: 'info' },
  'device.imported': { level: 'info' },
  'device.decommissioned': { level: 'info' },
  'device.quarantined': { level: 'warn' },
  'device.released': { level: 'info' },
  'device.packaged': { level: 'info' },
  'campaign.started': { level: 'info' },
  'campaign.reached': { level: 'info' },
  'campaign.advanced': { level: 'info' },
  'campaign.finished': { level: 'info' },
  'campaign.stopped': { level: 'error' },
  'campaign.paused': { level: 'info' },
  'campaign.resumed': { level: 'info' },
  'campaign.aborted': { level: 'info' },
  'campaign.overridden': { level: 'warn' },
  'campaign.left_out': { level: 'warn' },
  'fleet.looked_over': { level: 'info' },
  'source.reconciled': { level: 'info' },
  'source.failed': failure('source', 'warn'),
  'policy.applied': { level: 'info' },
  'policy.class_unknown': { level: 'warn' },
  'policy.reloaded': { level: 'info' },
  'policy.refused': failure('reload', 'error'),
  'decision.forced': { level: 'warn' },
  'authority.unavailable': failure('authority', 'warn'),
  'authority.back': { level: 'info' },
  'revocation.told': { level: 'info' },
  'revocation.untold': failure('revocation', 'warn'),
  'revocation.foreign': { level: 'warn' },
  'crl.published': { level: 'info', count: (metrics) => metrics.count('nolapse_crl_published_total', {}) },
  'server.certificate_renewed': { level: 'info' },
  'server.chain_shown': { level: 'info' },
  'trust.prepared': { level: 'info' },
  'trust.installed': { level: 'info' },
  'trust.asked': { level: 'info' },
  'trust.awaited': { level: 'info' },
  'trust.distributed': { level: 'info' },
  'trust.activated': { level: 'info' },
  'trust.aborted': { level: 'info' },
  'trust.retired': { level: 'info' },
  'trust.compromised': { level: 'error' },
  'trust.key_lost': { level: 'warn' },
  'trust.key_found': { level: 'info' },
  'trust.crossed': { level: 'warn' },
  'trust.cross_dropped': { level: 'warn' },
  'clock.moved': { level: 'warn' },
  'effect.failed': failure('effect'),
  'chore.failed': failure('chore'),
  'sweep.failed': failure('sweep'),
  'admission.failed': failure('admission'),
  'broker.failed': failure('broker'),
  'ledger.damaged': { level: 'error' },
  'ledger.copied': { level: 'info' },
  'backup.confirmed': { level: 'info' },
  'gateway.started': { level: 'info' },
  'gateway.stopped': { level: 'info' },
  'alert.raised': {
    level: 'warn',
    count: (metrics, { reason = unsaid }) => metrics.count('nolapse_alerts_total', { kind: reason }),
  },
  'alert.updated': { level: 'warn' },
  'alert.acknowledged': { level: 'info' },
  'alert.cleared': { level: 'info' },
  'log.dropped': { level: 'warn' },
  'sink.failed': failure('sink', 'warn'),
  'notification.dropped': { level: 'warn', count: notificationDropped },
} as const satisfies Record<string, Action>;

/** What is known of an action; null when it is not on the list. */
export function actionOf(name: string): Action | null {
  return Object.hasOwn(actions, name) ? actions[name as keyof typeof actions] : null;
}
