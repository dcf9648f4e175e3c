// Rows of a ledger for measurements: devices of the default class, with certificates nobody will ever verify.
import type { LedgerEntry } from '../../src/domain/certificate.ts';
import { type Principal, type PrincipalId, parsePrincipalId } from '../../src/domain/principal.ts';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';

const day = 86_400_000;
const derBytes = 500;

export function idOf(text: string): PrincipalId {
  const id = parsePrincipalId(text);
  if (!id) throw new Error(text);
  return id;
}

/** A device that takes its replacement whole, in one packet. */
export function principalRow(id: PrincipalId): Principal {
  const rest = {
    site: null,
    gateway: null,
    encoding: null,
    modes: [],
    packetBytesMax: 4_096,
    slots: null,
    cohort: null,
    source: null,
  };
  return { id, kind: 'device', status: 'active', owner: 'bench', class: 'default', criticality: 'medium', ...rest };
}

/** A certificate of 90 days in use since it was issued; `der` is as long as one, when nothing is said. */
export function certificateRow(
  id: PrincipalId,
  issuedAt: number,
  renewAt: number,
  der: Uint8Array = Buffer.concat([Buffer.from(id), Buffer.alloc(derBytes)]),
): LedgerEntry {
  const fingerprint = fingerprintOf(der);
  return {
    fingerprint,
    serial: fingerprint.slice(0, 32) as LedgerEntry['serial'],
    principalId: id,
    state: 'active',
    notBefore: issuedAt,
    notAfter: issuedAt + 90 * day,
    keyFingerprint: fingerprint,
    der,
    renewalId: null,
    issuedAt,
    activatedAt: issuedAt,
    lastSeenAt: issuedAt,
    renewAt,
    overlapUntil: null,
    revokedAt: null,
    revocationReason: null,
    issuer: 1,
  };
}

/** YAML of the rates under which only the machine is the limit. */
export const unlimited = '{ offersPerSecond: 100000, issuancesPerSecond: 100000, packetsPerSecond: 10000000 }';
