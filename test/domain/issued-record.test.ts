// What a restored ledger takes over from the record of what came after its backup.
import { describe, expect, it } from 'vitest';
import { type CertificateState, certificateStates, type LedgerEntry } from '../../src/domain/certificate.ts';
import { mergeCertificate, mergePrincipal } from '../../src/domain/issued-record.ts';
import type { Principal, PrincipalStatus } from '../../src/domain/principal.ts';

const now = 1_000;
const entry = (state: CertificateState, more: Partial<LedgerEntry> = {}) =>
  ({
    fingerprint: 'f',
    state,
    renewAt: 5,
    renewalId: 'r',
    revokedAt: null,
    revocationReason: null,
    ...more,
  }) as LedgerEntry;
const under = { hasRenewal: false, now };

describe('a certificate', () => {
  it.each(certificateStates)('that is revoked or retired stays so, whatever the record says: %s', (state) => {
    for (const ended of ['revoked', 'retired'] as const)
      expect(mergeCertificate(entry(ended), entry(state), under)).toBeNull();
  });

  it.each(certificateStates)('that is in use becomes what the record says: %s', (state) => {
    for (const known of ['issued', 'active', 'superseded'] as const)
      expect(mergeCertificate(entry(known), entry(state), under)).toMatchObject({ state });
  });

  it('that the ledger does not know is entered, and without a renewal that it does not know', () => {
    expect(mergeCertificate(null, entry('revoked', { revokedAt: 7 }), under)).toMatchObject({
      state: 'revoked',
      revokedAt: 7,
      renewalId: null,
    });
    expect(mergeCertificate(null, entry('issued'), { ...under, hasRenewal: true })).toMatchObject({ renewalId: 'r' });
  });

  it('whose replacement was under way is due at once', () => {
    expect(mergeCertificate(null, entry('active', { renewAt: null }), under)).toMatchObject({ renewAt: now });
    expect(mergeCertificate(null, entry('active'), under)).toMatchObject({ renewAt: 5 });
  });
});

describe('a principal', () => {
  const principal = (status: PrincipalStatus, owner = 'o') => ({ id: 'p', status, owner }) as Principal;
  const told = (kind: 'issued' | 'principal', status: PrincipalStatus) => ({
    kind,
    principal: principal(status, 'other'),
    certificate: null,
  });

  it('that the ledger does not know is entered', () => {
    expect(mergePrincipal(null, told('issued', 'active'))).toEqual(principal('active', 'other'));
  });

  it('takes over its status alone, and is never brought back from its end', () => {
    expect(mergePrincipal(principal('active'), told('principal', 'quarantined'))).toEqual(principal('quarantined'));
    expect(mergePrincipal(principal('quarantined'), told('principal', 'active'))).toEqual(principal('active'));
    expect(mergePrincipal(principal('decommissioned'), told('principal', 'active'))).toBeNull();
    expect(mergePrincipal(principal('quarantined'), told('issued', 'active'))).toBeNull();
  });
});
