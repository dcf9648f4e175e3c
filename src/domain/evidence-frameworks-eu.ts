// The European frameworks' controls that this broker's records give evidence for: the Cyber Resilience Act and EN 18031. Points of the Act
// have no titles: these say in short what each is about. docs/evidence.md lists the same.
import type { Framework } from './evidence.ts';
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

const intruders = ['unknown_identity', 'retired_credential_in_use', 'credential_contested'] as const;

/** Regulation (EU) 2024/2847, Annex I: parts I and II; and the reports of its Article 14. */
export const cyberResilienceAct: Framework = {
  title: 'EU Cyber Resilience Act, Regulation (EU) 2024/2847',
  version: '2024',
  source: 'https://eur-lex.europa.eu/eli/reg/2024/2847/oj',
  controls: {
    'I(2)(d)': {
      title: 'Protection from unauthorised access, and reports of it',
      features:
        'A verdict on the exact certificate at every connect, topic lists and delegations that deny by default, quarantine; strangers and ' +
        'certificates that were replaced or copied are reported.',
      parts: ['policy', 'certificates', 'delegations'],
      journal: ['certificate.activated', 'certificate.revoked', ...outOfService, ...delegated, 'decision.forced'],
      findings: ['not_in_inventory', 'unknown_certificate', 'client_id_mismatch', 'shared_key'],
      alerts: intruders,
    },
    'I(2)(e)': {
      title: 'Confidentiality of data in transit',
      features: 'Mutual TLS alone, with keys and lifetimes by policy; devices that do not verify the broker are found.',
      parts: ['policy', 'certificates'],
      journal: rootsSeen,
      findings: ['does_not_verify_server', 'shared_key'],
      alerts: ['own_certificate', 'trust_step', 'handshakes_failing'],
    },
    'I(2)(f)': {
      title: 'Integrity of data and configuration, and reports of corruption',
      features:
        'Every change of inventory, policy and delegations with who made it; damage to the ledger, a home that others can write, and ' +
        'records that do not fit together are reported.',
      parts: ['policy', 'inventory'],
      journal: [...inService, 'policy.reloaded', 'decision.forced'],
      findings: ['name_mismatch', 'site_mismatch', 'not_of_source'],
      alerts: ['ledger_damaged', 'home_exposed', 'clock_moved', 'ledger_stale'],
    },
    'I(2)(h)': {
      title: 'Availability of essential functions',
      features:
        'Replacement before the end, with overlap and proof; who will not be renewed in time is told ahead; CAs that take over; limits on ' +
        'what each client may cost.',
      parts: ['policy', 'certificates', 'renewals'],
      journal: [...renewed, ...proven, ...troubled, ...rolledOver, 'certificate.expired', 'certificate.revived'],
      findings: ['no_way_to_renew', 'never_seen', 'still_on_old'],
      alerts: [
        ...unrenewed,
        'disconnected_repeatedly',
        'own_certificate',
        'trust_step',
        'authority_down',
        'ledger_unwritable',
        'descriptors_short',
        'too_little_time',
        'delegation_short',
        'connections_refused',
      ],
    },
    'I(2)(l)': {
      title: 'Recording and monitoring of relevant internal activity',
      features:
        'A journal of every decision with who had it made; alerts with who acknowledged them; a log that says when it cannot be written.',
      parts: [],
      journal: [
        ...inService,
        ...outOfService,
        ...credentials,
        ...delegated,
        ...rolledOut,
        'policy.reloaded',
        'decision.forced',
      ],
      findings: [],
      alerts: ['log_unwritable', 'issued_unwritable', 'ledger_unwritable'],
    },
    'II(2)': {
      title: 'Vulnerabilities addressed and remediated without delay',
      features:
        'Keys and certificates of a fleet replaced at once, cohort by cohort, by a campaign that stops where it does harm; drills; ' +
        'revocation together with replacement.',
      parts: ['renewals'],
      journal: [...rolledOut, ...renewed, ...proven, 'certificate.revoked'],
      findings: ['still_on_old', 'no_way_to_renew', 'shared_key'],
      alerts: ['rollout_stopped', 'revocation_untold', 'installed_not_activated'],
    },
    'Art. 14': {
      title: 'Reports of actively exploited vulnerabilities and severe incidents',
      features:
        'What is known of an incident by the hour: which devices and certificates it concerned, when each was quarantined, revoked and ' +
        'replaced, and who was alerted when. Whether and to whom it is reported, people decide.',
      parts: ['inventory', 'certificates', 'renewals'],
      journal: [...outOfService, 'certificate.revoked', 'certificate.issued', ...proven, ...rolledOut, ...rolledOver],
      findings: ['unknown_certificate', 'shared_key'],
      alerts: [...intruders, 'ledger_damaged', 'home_exposed', 'lapsed', 'revocation_untold'],
    },
  },
};

/** EN 18031-1: what a fleet's credentials show of the devices that hold them. */
export const en18031: Framework = {
  title: 'EN 18031-1, Internet connected radio equipment',
  version: '2024',
  source: 'https://standards.iteh.ai/catalog/standards/clc/en-18031-1-2024',
  controls: {
    'ACM-2': {
      ...nothing,
      title: 'Appropriate access control mechanisms',
      features: 'Topic lists a kind, deny by default; delegations with scope, end and daily number; quarantine.',
      parts: ['policy', 'delegations'],
      journal: [...delegated, ...outOfService, 'policy.reloaded', 'decision.forced'],
    },
    'AUM-3': {
      title: 'Authenticator validation',
      features:
        'The exact certificate of a device judged at every connect: validity, revocation, identity, possession of the key.',
      parts: ['certificates'],
      journal: ['certificate.activated', 'renewal.activated', 'certificate.revoked', 'certificate.expired'],
      findings: ['unknown_certificate', 'client_id_mismatch', 'name_mismatch'],
      alerts: intruders,
    },
    'AUM-4': {
      title: 'Changing authenticators',
      features:
        'Certificates and keys of devices replaced at their time or at once, with overlap, and proven by a connection.',
      parts: ['policy', 'certificates', 'renewals'],
      journal: [...renewed, ...proven, ...troubled, ...rolledOut],
      findings: ['no_way_to_renew', 'still_on_old'],
      alerts: [...unrenewed, 'rollout_stopped'],
    },
    'SCM-2': {
      title: 'Appropriate integrity and authenticity protection for secure communication mechanisms',
      features:
        'Mutual TLS, with trust anchors that roll over with proof from every device; devices that do not verify the broker are found.',
      parts: ['certificates'],
      journal: [...rootsSeen, ...rolledOver],
      findings: ['does_not_verify_server'],
      alerts: ['own_certificate', 'trust_step', 'handshakes_failing'],
    },
    'RLM-1': {
      title: 'Applicability and appropriateness of resilience mechanisms',
      features:
        'Limits on what each client may cost, refusals that are counted, and devices that come back by themselves.',
      parts: [],
      journal: ['certificate.revived', 'renewal.reopened'],
      findings: [],
      alerts: ['connections_refused', 'disconnected_repeatedly', 'descriptors_short'],
    },
    'CCK-1': {
      ...nothing,
      title: 'Appropriate CCKs',
      features: 'Types and sizes of keys by profile; lifetimes and ages of keys by class.',
      parts: ['policy', 'certificates'],
      journal: ['renewal.requested', 'certificate.issued', 'certificate.imported'],
      findings: ['validity_beyond_policy'],
    },
    'CCK-3': {
      ...nothing,
      title: 'Preventing static default values for preinstalled CCKs',
      features:
        'One key on several devices is found, and refused to a second device that asks for a certificate over it.',
      parts: ['certificates'],
      journal: ['certificate.issued', 'certificate.imported', 'certificate.revoked'],
      findings: ['shared_key', 'several_active'],
    },
  },
};
