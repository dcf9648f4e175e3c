// Steps of the journal and alerts that belong together as evidence, whatever framework asks for them.

export const renewed = [
  'renewal.run',
  'renewal.due',
  'renewal.offered',
  'renewal.requested',
  'renewal.issued',
  'renewal.delivered',
] as const;
export const proven = ['renewal.installed', 'renewal.activated', 'renewal.confirmed', 'renewal.retired'] as const;
export const troubled = [
  'renewal.failed',
  'renewal.cancelled',
  'renewal.expired',
  'renewal.closed',
  'renewal.reopened',
] as const;
export const inService = [
  'device.added',
  'device.changed',
  'device.imported',
  'source.reconciled',
  'source.failed',
] as const;
export const outOfService = ['device.decommissioned', 'device.quarantined', 'device.released'] as const;
export const credentials = [
  'certificate.issued',
  'certificate.imported',
  'certificate.activated',
  'certificate.expired',
  'certificate.revoked',
  'device.packaged',
] as const;
/** One CA takes the place of another. */
export const rolledOver = [
  'trust.prepared',
  'trust.installed',
  'trust.asked',
  'trust.distributed',
  'trust.activated',
  'trust.aborted',
  'trust.retired',
  'trust.compromised',
  'trust.key_lost',
  'trust.key_found',
] as const;
/** Drills among them: they are begun and told as campaigns are. */
export const rolledOut = [
  'campaign.started',
  'campaign.left_out',
  'campaign.overridden',
  'campaign.reached',
  'campaign.advanced',
  'campaign.stopped',
  'campaign.paused',
  'campaign.resumed',
  'campaign.aborted',
  'campaign.finished',
] as const;
/** Whether devices verify the broker, and under which root. */
export const rootsSeen = [
  'trust.proved',
  'trust.reopened',
  'trust.unsettled',
  'trust.control_passed',
  'trust.control_failed',
] as const;
export const delegated = ['delegation.added', 'delegation.revoked', 'delegation.refused'] as const;

/** Alerts of who is not renewed in time, or not to the end. */
export const unrenewed = [
  'expiry_approaching',
  'renewal_overdue',
  'renewal_failed',
  'installed_not_activated',
  'lapsed',
] as const;

export const nothing = { parts: [], journal: [], findings: [], alerts: [] } as const;
