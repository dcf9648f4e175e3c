// Rows for the store's tests: complete by default, with every value that may be null filled in unless a test empties it.
import { createHash } from 'node:crypto';
import type { Fingerprint, LedgerEntry, Serial } from '../../../src/domain/certificate.ts';
import type { Contact, Principal, PrincipalId } from '../../../src/domain/principal.ts';
import type { Renewal } from '../../../src/domain/renewal.ts';
import { type ApprovedRequest, approve, ownRequest, type Profile } from '../../../src/domain/request.ts';
import { renewal as renewalSample } from '../../domain/samples.ts';

export const now = 1_800_000_000_000;
export const day = 86_400_000;

/** Any text's SHA-256, as a fingerprint. */
export const digest = (text: string): Fingerprint => createHash('sha256').update(text).digest('hex') as Fingerprint;
export const serialOf = (text: string): Serial => digest(text).slice(0, 32) as Serial;
export const idOf = (text: string): PrincipalId => text as PrincipalId;

export function principal(id: string, facts: Partial<Principal> = {}): Principal {
  return {
    id: idOf(id),
    kind: 'device',
    status: 'active',
    owner: 'waterworks',
    class: 'default',
    criticality: 'high',
    site: 'north',
    gateway: idOf('gw-1'),
    encoding: 'cbor',
    modes: ['recertify', 'csr'],
    packetBytesMax: 512,
    slots: 1,
    cohort: 'early',
    source: 'cmdb',
    ...facts,
  };
}

export function contact(id: string, facts: Partial<Contact> = {}): Contact {
  return {
    principalId: idOf(id),
    encoding: 'json',
    packetBytesMax: 256,
    slots: 2,
    clockSkewMs: -1_500,
    lastSeenAt: now,
    ...facts,
  };
}

/** `name` settles fingerprint, serial, key and bytes. */
export function certificate(name: string, owner: string, facts: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    fingerprint: digest(`certificate ${name}`),
    serial: serialOf(`serial ${name}`),
    principalId: idOf(owner),
    state: 'active',
    notBefore: now - day,
    notAfter: now + 90 * day,
    keyFingerprint: digest(`key ${name}`),
    der: new Uint8Array([0x30, 0x82, 0x00, 0xff, ...Buffer.from(name)]),
    renewalId: null,
    issuedAt: now - day,
    activatedAt: now - day + 1,
    lastSeenAt: now - 2,
    renewAt: now + 60 * day,
    overlapUntil: null,
    revokedAt: null,
    revocationReason: null,
    issuer: 1,
    ...facts,
  };
}

export function renewal(id: string, owner: string, facts: Partial<Renewal> = {}): Renewal {
  const dates = { createdAt: now, deadline: now + 30 * day, closesAt: now + 60 * day, nextAt: now, updatedAt: now };
  return renewalSample({ id, principalId: idOf(owner), oldFingerprint: null, ...dates, ...facts });
}

const profile: Profile = {
  name: 'device',
  keys: ['ec-p256'],
  rsaBitsMin: 2_048,
  rsaBitsMax: 4_096,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['clientAuth'],
};

export function approvedRequest(name: string, owner: string): ApprovedRequest {
  const approval = approve({
    facts: ownRequest(idOf(owner), {
      algorithm: 'ec-p256',
      bits: 0,
      fingerprint: digest(`key ${name}`),
      spki: Buffer.from(`spki ${name}`),
    }),
    principalId: idOf(owner),
    kind: 'device',
    profile,
    serial: serialOf(`serial ${name}`),
    notBefore: now,
    notAfter: now + 90 * day,
    keyHolder: 'nobody',
    mode: 'csr',
  });
  if (approval.kind === 'refused') throw new Error(approval.detail);
  return { ...approval.request, spki: new Uint8Array(approval.request.spki) };
}
