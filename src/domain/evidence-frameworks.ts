// The frameworks' controls that this broker's records give evidence for, under the names and titles of their documents. docs/evidence.md
// lists the same, and a test holds the two together. A control that no record speaks to is not here.
import type { Control, Framework } from './evidence.ts';
import { cyberResilienceAct, en18031 } from './evidence-frameworks-eu.ts';
import {
  credentials,
  delegated,
  inService,
  nothing,
  outOfService,
  proven,
  renewed,
  rolledOut,
  rolledOver,
  rootsSeen,
  troubled,
  unrenewed,
} from './evidence-steps.ts';

const offboarding: Control = {
  title: 'Improper Offboarding',
  features:
    'Decommissioning in one transaction, by hand or because the authoritative source says so; retirement of what was replaced; alerts when ' +
    'somebody comes with it.',
  parts: ['inventory', 'certificates', 'delegations'],
  journal: [
    ...outOfService,
    'source.reconciled',
    'source.failed',
    'certificate.revoked',
    'certificate.expired',
    'renewal.retired',
    'renewal.cancelled',
    'delegation.revoked',
  ],
  findings: ['never_seen', 'no_owner', 'still_on_old', 'not_of_source', 'decommissioned_here'],
  alerts: ['retired_credential_in_use', 'credential_contested', 'unknown_identity', 'no_owner', 'source_failed'],
};

const owaspNhi: Framework = {
  title: 'OWASP Non-Human Identities Top 10',
  version: '2025',
  source: 'https://owasp.org/www-project-non-human-identities-top-10/2025/top-10-2025',
  controls: {
    'NHI1:2025': offboarding,
    'NHI5:2025': {
      ...nothing,
      title: 'Overprivileged NHI',
      features:
        'Topic lists a kind, deny by default; delegations that name devices or a site, key modes, an end and a daily number of renewals.',
      parts: ['policy', 'delegations'],
      journal: delegated,
    },
    'NHI7:2025': {
      title: 'Long-Lived Secrets',
      features:
        'Lifetimes and key ages a class; replacement before the end, with overlap, proven by a connection, and of a whole fleet at once by ' +
        'campaigns; drills; what lives longer than its policy or cannot be replaced is found.',
      parts: ['policy', 'certificates', 'renewals'],
      journal: [...renewed, ...proven, ...troubled, ...credentials, ...rolledOut],
      findings: ['validity_beyond_policy', 'no_way_to_renew', 'still_on_old'],
      alerts: [...unrenewed, 'own_certificate', 'trust_step', 'trust_unproved', 'rollout_stopped'],
    },
    'NHI9:2025': {
      title: 'NHI Reuse',
      features:
        'One identity a device, bound to its client id; one key on several devices, several active certificates and copies in use are found.',
      parts: ['inventory', 'certificates'],
      journal: ['certificate.issued', 'certificate.imported', 'renewal.issued', 'renewal.activated'],
      findings: ['shared_key', 'several_active', 'client_id_mismatch', 'name_mismatch'],
      alerts: ['retired_credential_in_use', 'credential_contested', 'unknown_identity'],
    },
  },
};

const nistCsf: Framework = {
  title: 'NIST Cybersecurity Framework',
  version: '2.0',
  source: 'https://doi.org/10.6028/NIST.CSWP.29',
  controls: {
    'ID.AM-01': {
      title: 'Inventories of hardware managed by the organization are maintained',
      features:
        'The inventory, kept in line with an authoritative source; what comes and is not in it, and what is in it and never came.',
      parts: ['inventory'],
      journal: [...inService, ...outOfService],
      findings: ['never_seen', 'not_in_inventory', 'no_owner', 'site_mismatch', 'not_of_source', 'decommissioned_here'],
      alerts: ['no_owner', 'source_failed', 'unknown_identity'],
    },
    'PR.AA-01': {
      title: 'Identities and credentials for authorized users, services, and hardware are managed by the organization',
      features:
        'Ledger and inventory: every certificate from issuance through renewal to revocation, under the policy of its class; adoption of ' +
        'certificates of another CA; campaigns that change them cohort by cohort, on evidence.',
      parts: ['policy', 'inventory', 'certificates', 'renewals'],
      journal: [
        ...inService,
        ...outOfService,
        ...credentials,
        'certificate.revived',
        ...renewed,
        ...proven,
        ...troubled,
        ...rolledOut,
      ],
      findings: [
        'no_owner',
        'shared_key',
        'several_active',
        'name_mismatch',
        'validity_beyond_policy',
        'no_way_to_renew',
      ],
      alerts: [
        'expiry_approaching',
        'renewal_overdue',
        'renewal_failed',
        'lapsed',
        'no_owner',
        'authority_down',
        'rollout_stopped',
      ],
    },
    'PR.AA-03': {
      title: 'Users, services, and hardware are authenticated',
      features:
        'Mutual TLS, and a verdict on the exact certificate at every connect; when each certificate was first and last seen in use.',
      parts: ['certificates'],
      journal: ['certificate.activated', 'renewal.activated', 'certificate.imported', ...rootsSeen],
      findings: ['unknown_certificate', 'client_id_mismatch', 'still_on_old', 'does_not_verify_server'],
      alerts: ['retired_credential_in_use', 'credential_contested', 'unknown_identity'],
    },
    'PR.AA-05': {
      ...nothing,
      title:
        'Access permissions, entitlements, and authorizations are defined in a policy, managed, enforced, and reviewed, and incorporate the ' +
        'principles of least privilege and separation of duties',
      features: 'Topic lists a kind, deny by default; delegations with scope, end and daily number; quarantine.',
      parts: ['policy', 'delegations'],
      journal: [
        ...delegated,
        'device.quarantined',
        'device.released',
        'device.decommissioned',
        'decision.forced',
        'policy.reloaded',
      ],
    },
    'DE.CM-01': {
      title: 'Networks and network services are monitored to find potentially adverse events',
      features: 'Strangers, certificates that were replaced, client ids and gateways that go beyond what they may.',
      parts: [],
      journal: ['delegation.refused', 'source.failed'],
      findings: ['not_in_inventory', 'unknown_certificate', 'client_id_mismatch'],
      alerts: ['unknown_identity', 'retired_credential_in_use', 'credential_contested', 'source_failed'],
    },
    'DE.CM-09': {
      title:
        'Computing hardware and software, runtime environments, and their data are monitored to find potentially adverse events',
      features:
        'Every device by its certificate: renewals that fail, certificates that end, credentials on the wrong device, campaigns that stop; the ' +
        'gateway by its own certificates, its CA, its ledger and its clock.',
      parts: [],
      journal: ['certificate.expired', 'certificate.revived', ...troubled, 'campaign.stopped'],
      findings: ['never_seen', 'still_on_old', 'shared_key', 'several_active', 'no_way_to_renew'],
      alerts: [
        ...unrenewed,
        'disconnected_repeatedly',
        'retired_credential_in_use',
        'credential_contested',
        'own_certificate',
        'trust_step',
        'trust_unproved',
        'authority_down',
        'revocation_untold',
        'rollout_stopped',
        'ledger_unwritable',
        'ledger_damaged',
        'log_unwritable',
        'issued_unwritable',
        'descriptors_short',
        'home_exposed',
        'too_little_time',
        'delegation_short',
        'ledger_stale',
        'connections_refused',
        'handshakes_failing',
        'clock_moved',
      ],
    },
  },
};

const iec62443: Framework = {
  title: 'IEC 62443-4-2, Technical security requirements for IACS components',
  version: '2019',
  source: 'https://webstore.iec.ch/publication/34421',
  controls: {
    'CR 1.5': {
      title: 'Authenticator management',
      features:
        'Certificates and keys of devices: first issue, change at their time or at once, of a whole fleet by campaigns, revocation; keys ' +
        'replaced by age.',
      parts: ['policy', 'certificates', 'renewals'],
      journal: [...credentials, ...renewed, ...proven, ...troubled, ...rolledOut],
      findings: ['no_way_to_renew', 'still_on_old'],
      alerts: [...unrenewed, 'rollout_stopped'],
    },
    'CR 1.8': {
      title: 'Public key infrastructure certificates',
      features:
        'An issuing CA with profiles, a ledger of what it issued, a revocation list; certificates of another CA taken over.',
      parts: ['certificates'],
      journal: [...credentials, 'renewal.issued', 'renewal.retired', ...rolledOver],
      findings: ['unknown_certificate', 'name_mismatch', 'validity_beyond_policy'],
      alerts: ['own_certificate', 'trust_step', 'authority_down', 'revocation_untold'],
    },
    'CR 1.9': {
      title: 'Strength of public key-based authentication',
      features:
        'Possession of the key proven at every connect and by every request of a device; keys of allowed types and sizes; validity, revocation and identity ' +
        'checked at every connect.',
      parts: ['policy', 'certificates'],
      journal: ['renewal.requested', 'renewal.activated', 'certificate.activated', 'certificate.revoked'],
      findings: ['shared_key', 'unknown_certificate', 'client_id_mismatch'],
      alerts: ['retired_credential_in_use', 'credential_contested', 'unknown_identity'],
    },
  },
};

export const frameworks = {
  'owasp-nhi-2025': owaspNhi,
  'nist-csf-2.0': nistCsf,
  'iec-62443-4-2': iec62443,
  'eu-cra-2024-2847': cyberResilienceAct,
  'en-18031-1': en18031,
} as const satisfies Record<string, Framework>;
export type FrameworkName = keyof typeof frameworks;

export function parseFramework(text: string): FrameworkName | null {
  return Object.hasOwn(frameworks, text) ? (text as FrameworkName) : null;
}
