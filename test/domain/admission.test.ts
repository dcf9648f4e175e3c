// The admission table of the design, row by row, both ways, and what holds for every input.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AdmissionInput, admissionReasons, admit } from '../../src/domain/admission.ts';
import { certificateStates } from '../../src/domain/certificate.ts';
import { principalStatuses } from '../../src/domain/principal.ts';
import { day, entry, idOf, noon, principal } from './samples.ts';

function input(patch: Partial<AdmissionInput> = {}): AdmissionInput {
  return {
    presented: true,
    entry: entry(),
    stranger: null,
    principal: principal(),
    clientId: 'pump-7',
    claimedBy: null,
    graceMs: 30 * day,
    skewMs: 300_000,
    now: noon,
    ...patch,
  };
}

const stranger = { notBefore: noon - day, notAfter: noon + day, introduced: true, expected: true };

describe('admission', () => {
  it('admits an active certificate until its notAfter', () => {
    expect(admit(input())).toEqual({ lane: 'full', reason: 'admitted', endsAt: noon + 10 * day });
  });

  it('admits a certificate that was issued and never seen', () => {
    expect(admit(input({ entry: entry({ state: 'issued' }) })).lane).toBe('full');
  });

  it('admits one that counts as expired in its lifetime: its notAfter decides', () => {
    const early = entry({ state: 'expired' });
    expect(admit(input({ entry: early }))).toEqual({ lane: 'full', reason: 'admitted', endsAt: early.notAfter });
    expect(admit(input({ entry: early, now: early.notAfter }))).toMatchObject({ reason: 'expired_in_grace' });
  });

  it('admits the superseded certificate until overlap ends', () => {
    const superseded = entry({ state: 'superseded', overlapUntil: noon + day });
    expect(admit(input({ entry: superseded }))).toEqual({ lane: 'full', reason: 'overlap', endsAt: noon + day });
    expect(admit(input({ entry: superseded, now: noon + day }))).toEqual({ lane: 'refused', reason: 'retired' });
  });

  it('lets an expired certificate into the lane until grace ends', () => {
    const now = noon + 10 * day;
    expect(admit(input({ now }))).toEqual({
      lane: 'renew-only',
      reason: 'expired_in_grace',
      endsAt: noon + 40 * day,
    });
    expect(admit(input({ now: noon + 40 * day }))).toEqual({ lane: 'refused', reason: 'expired' });
  });

  it('introduces an expected stranger to the lane, without grace', () => {
    expect(admit(input({ entry: null, stranger }))).toEqual({
      lane: 'renew-only',
      reason: 'bootstrap',
      endsAt: noon + day,
    });
    expect(admit(input({ entry: null, stranger, now: noon + day }))).toMatchObject({ reason: 'expired' });
  });

  it.each([
    ['no_certificate', { presented: false, entry: null, principal: null }],
    ['unknown_certificate', { entry: null }],
    ['unknown_certificate', { entry: null, stranger: { ...stranger, introduced: false } }],
    ['unknown_certificate', { entry: null, stranger: { ...stranger, expected: false } }],
    ['unknown_principal', { principal: null }],
    ['decommissioned', { principal: principal({ status: 'decommissioned' }) }],
    ['quarantined', { principal: principal({ status: 'quarantined' }) }],
    ['revoked', { entry: entry({ state: 'revoked' }) }],
    ['retired', { entry: entry({ state: 'retired' }) }],
    ['not_yet_valid', { entry: entry({ notBefore: noon + 300_001 }) }],
    ['not_yet_valid', { entry: null, stranger: { ...stranger, notBefore: noon + day } }],
    ['client_id_mismatch', { clientId: 'pump-8' }],
    ['client_id_mismatch', { clientId: 'pump-70' }],
    ['client_id_mismatch', { clientId: '' }],
    ['client_id_mismatch', { clientId: 'pump-7:a', claimedBy: idOf('pump-7:a') }],
  ] as const)('refuses with %s', (reason, patch) => {
    expect(admit(input(patch as Partial<AdmissionInput>))).toEqual({ lane: 'refused', reason });
  });

  it('admits one whose notBefore has not come where it was in use at a time that is still ahead: the clock was set back', () => {
    const ahead = { notBefore: noon + day, notAfter: noon + 90 * day };
    const verdict = (more: Parameters<typeof entry>[0]) => admit(input({ entry: entry({ ...ahead, ...more }) })).reason;
    expect(verdict({ activatedAt: noon + day })).toBe('admitted');
    expect(verdict({ activatedAt: noon + 300_001 })).toBe('admitted');
    expect(verdict({ activatedAt: noon + 300_000 })).toBe('not_yet_valid');
    expect(verdict({ activatedAt: null, state: 'issued' })).toBe('not_yet_valid');
    expect(verdict({ activatedAt: noon + day, state: 'revoked' })).toBe('revoked');
  });

  it('allows a skew before notBefore, and a suffix after the id', () => {
    expect(admit(input({ entry: entry({ notBefore: noon + 300_000 }) })).lane).toBe('full');
    expect(admit(input({ clientId: 'pump-7:sensor' })).lane).toBe('full');
  });

  it('decides in the order of the table', () => {
    const all = input({
      entry: entry({ state: 'revoked', notBefore: noon + day }),
      principal: principal({ status: 'quarantined' }),
      clientId: 'x',
    });
    expect(admit(all)).toMatchObject({ reason: 'quarantined' });
    expect(admit({ ...all, principal: principal() })).toMatchObject({ reason: 'revoked' });
    expect(admit({ ...all, principal: principal(), entry: entry({ notBefore: noon + day }) })).toMatchObject({
      reason: 'not_yet_valid',
    });
  });

  it('never admits fully what is not active, in its lifetime and its own', () => {
    const inputs = fc.record({
      presented: fc.boolean(),
      entry: fc.option(
        fc.record({
          state: fc.constantFrom(...certificateStates),
          notBefore: fc.integer({ min: noon - 20 * day, max: noon + 20 * day }),
          notAfter: fc.integer({ min: noon - 20 * day, max: noon + 20 * day }),
          overlapUntil: fc.option(fc.integer({ min: noon - 20 * day, max: noon + 20 * day })),
        }),
      ),
      status: fc.option(fc.constantFrom(...principalStatuses)),
      stranger: fc.option(fc.record({ introduced: fc.boolean(), expected: fc.boolean() })),
      clientId: fc.constantFrom('pump-7', 'pump-7:a', 'pump-8', ''),
      graceMs: fc.integer({ min: 0, max: 40 * day }),
    });
    fc.assert(
      fc.property(inputs, (raw) => {
        const verdict = admit(
          input({
            presented: raw.presented,
            entry: raw.entry && entry(raw.entry),
            stranger: raw.stranger && { ...stranger, ...raw.stranger },
            principal: raw.status && principal({ status: raw.status }),
            clientId: raw.clientId,
            graceMs: raw.graceMs,
          }),
        );
        expect(Object.keys(admissionReasons)).toContain(verdict.reason);
        if (verdict.lane === 'refused') return;
        expect(raw.presented && raw.status === 'active' && raw.clientId.startsWith('pump-7')).toBe(true);
        expect(['revoked', 'retired']).not.toContain(raw.entry?.state);
        expect(verdict.endsAt).toBeGreaterThan(noon);
        if (verdict.lane === 'full') expect(raw.entry?.notAfter).toBeGreaterThan(noon);
        if (verdict.lane === 'full') expect(raw.entry?.notBefore).toBeLessThanOrEqual(noon + 300_000);
      }),
    );
  });
});
