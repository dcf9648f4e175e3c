// Values of the domain to start a case from.
import type { Fingerprint, LedgerEntry, Serial } from '../../src/domain/certificate.ts';
import type { Policy } from '../../src/domain/policy.ts';
import { type Principal, type PrincipalId, parsePrincipalId } from '../../src/domain/principal.ts';
import type { Renewal } from '../../src/domain/renewal.ts';

export const second = 1_000;
export const day = 86_400_000;
/** 2027-01-15T08:00:00Z. */
export const noon = 1_800_000_000_000;

export function idOf(text: string): PrincipalId {
  const id = parsePrincipalId(text);
  if (!id) throw new Error(`${text} is not an id`);
  return id;
}

export const fingerprintA = 'a'.repeat(64) as Fingerprint;
export const fingerprintB = 'b'.repeat(64) as Fingerprint;

export function principal(patch: Partial<Principal> = {}): Principal {
  return {
    id: idOf('pump-7'),
    kind: 'device',
    status: 'active',
    owner: 'water',
    class: 'default',
    criticality: 'medium',
    site: null,
    gateway: null,
    encoding: null,
    modes: [],
    packetBytesMax: null,
    slots: null,
    cohort: null,
    source: null,
    ...patch,
  };
}

export function entry(patch: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    fingerprint: fingerprintA,
    serial: '0a1b' as Serial,
    principalId: idOf('pump-7'),
    state: 'active',
    notBefore: noon - 10 * day,
    notAfter: noon + 10 * day,
    keyFingerprint: 'c'.repeat(64) as Fingerprint,
    der: new Uint8Array([0x30, 0x00]),
    renewalId: null,
    issuedAt: noon - 10 * day,
    activatedAt: noon - 10 * day,
    lastSeenAt: null,
    renewAt: noon + 3 * day,
    overlapUntil: null,
    revokedAt: null,
    revocationReason: null,
    issuer: 1,
    ...patch,
  };
}

export const policy: Policy = {
  lifetimeMs: 90 * day,
  renewAt: { kind: 'share', share: 0.66 },
  spread: { kind: 'share', share: 0.02 },
  overlap: { kind: 'duration', ms: 7 * day },
  grace: { kind: 'duration', ms: 30 * day },
  retryFirst: { kind: 'duration', ms: 60 * second },
  retryMax: { kind: 'duration', ms: 3_600 * second },
  backdate: { kind: 'duration', ms: 3_600 * second },
  keyModes: ['csr', 'recertify'],
  keyAgeMaxMs: 730 * day,
  requireDeviceProof: false,
  activateWithin: { kind: 'share', share: 0.02 },
  expiryWarning: { kind: 'share', share: 0.2 },
  expiryAlarm: { kind: 'share', share: 0.05 },
  overdueAfter: { kind: 'share', share: 0.1 },
  requestsMax: 3,
};

export function renewal(patch: Partial<Renewal> = {}): Renewal {
  return {
    id: 'r000000000001',
    principalId: idOf('pump-7'),
    state: 'due',
    mode: 'csr',
    via: null,
    campaign: null,
    cohort: null,
    releasedAt: null,
    oldFingerprint: fingerprintA,
    newFingerprint: null,
    createdAt: noon,
    deadline: noon + 10 * day,
    closesAt: noon + 40 * day,
    nextAt: null,
    attempts: 0,
    requests: 0,
    carriedRequests: 0,
    requestKey: null,
    lapsedAt: null,
    activatedAt: null,
    confirmedAt: null,
    heardAt: null,
    reopenedAt: null,
    failedVia: null,
    lastCode: null,
    lastDetail: null,
    updatedAt: noon,
    ...patch,
  };
}
