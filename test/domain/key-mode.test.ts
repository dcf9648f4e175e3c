// In which key mode a renewal is made: the table of what decides, and what holds whatever is asked.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LedgerEntry, RevocationReason } from '../../src/domain/certificate.ts';
import { chooseKeyMode, type KeyHistory, mayRecertify, possibleKeyModes } from '../../src/domain/key-mode.ts';
import { type KeyMode, keyModes } from '../../src/domain/principal.ts';
import { recordOf } from './key-record.ts';
import { day, entry, idOf, noon, policy } from './samples.ts';

const young = entry({ issuedAt: noon - 30 * day });
const fine: KeyHistory = { agrees: true, allowed: true, record: recordOf([young]) };
const revoked = (revocationReason: RevocationReason): LedgerEntry =>
  entry({ state: 'revoked', revokedAt: noon - day, revocationReason });

describe('the key mode of a renewal', () => {
  it.each<{ why: string; wants: KeyMode[]; can: KeyMode[]; history: KeyHistory | null; mode: KeyMode | null }>([
    {
      why: 'a device that says nothing makes its own key',
      wants: ['csr', 'recertify'],
      can: [],
      history: fine,
      mode: 'csr',
    },
    { why: 'it is given no other', wants: ['recertify', 'keygen'], can: [], history: fine, mode: null },
    {
      why: 'the policy prefers',
      wants: ['recertify', 'csr'],
      can: ['csr', 'recertify'],
      history: fine,
      mode: 'recertify',
    },
    { why: 'not the device', wants: ['csr', 'recertify'], can: ['recertify', 'csr'], history: fine, mode: 'csr' },
    {
      why: 'the device can only one',
      wants: ['csr', 'recertify'],
      can: ['recertify'],
      history: fine,
      mode: 'recertify',
    },
    {
      why: 'what the policy leaves out is not done',
      wants: ['csr'],
      can: ['recertify', 'keygen'],
      history: fine,
      mode: null,
    },
    { why: 'a key that can agree', wants: ['keygen'], can: ['keygen'], history: fine, mode: 'keygen' },
    { why: 'one that cannot', wants: ['keygen'], can: ['keygen'], history: { ...fine, agrees: false }, mode: null },
    {
      why: 'one that cannot, and another way',
      wants: ['keygen', 'recertify'],
      can: [...keyModes],
      history: { ...fine, agrees: false },
      mode: 'recertify',
    },
    {
      why: 'a first enrollment has no key to certify again',
      wants: ['recertify'],
      can: ['recertify'],
      history: null,
      mode: null,
    },
    { why: 'nor one to encrypt to', wants: ['keygen'], can: ['keygen'], history: null, mode: null },
    { why: 'but a key of its own', wants: ['keygen', 'csr'], can: [...keyModes], history: null, mode: 'csr' },
    {
      why: 'a key the profile no longer allows is replaced',
      wants: ['recertify', 'csr'],
      can: [...keyModes],
      history: { ...fine, allowed: false },
      mode: 'csr',
    },
    {
      why: 'a key that grew old is replaced',
      wants: ['recertify', 'csr'],
      can: [...keyModes],
      history: { ...fine, record: recordOf([young, entry({ issuedAt: noon - 730 * day })]) },
      mode: 'csr',
    },
    {
      why: 'a compromised key is neither certified again nor encrypted to',
      wants: ['recertify', 'keygen', 'csr'],
      can: [...keyModes],
      history: { ...fine, record: recordOf([young, revoked('keyCompromise')]) },
      mode: 'csr',
    },
  ])('$why: $mode', ({ wants, can, history, mode }) => {
    expect(chooseKeyMode({ ...policy, keyModes: wants }, { modes: can }, history, noon)).toBe(mode);
  });
});

describe('a key certified once more', () => {
  it('is not older than the policy allows, from its first certificate on', () => {
    const of = (issuedAt: number): KeyHistory => ({ ...fine, record: recordOf([young, entry({ issuedAt })]) });
    expect(mayRecertify(of(noon - policy.keyAgeMaxMs + 1), policy, noon)).toBe(true);
    expect(mayRecertify(of(noon - policy.keyAgeMaxMs), policy, noon)).toBe(false);
    expect(mayRecertify(fine, { ...policy, keyAgeMaxMs: 0 }, noon)).toBe(false);
  });

  it('was never revoked, save for having been replaced', () => {
    for (const reason of ['unspecified', 'keyCompromise', 'cessationOfOperation', 'privilegeWithdrawn'] as const) {
      expect(mayRecertify({ ...fine, record: recordOf([young, revoked(reason)]) }, policy, noon)).toBe(false);
    }
    expect(mayRecertify({ ...fine, record: recordOf([young, revoked('superseded')]) }, policy, noon)).toBe(true);
    const retired = entry({ state: 'retired', revokedAt: noon - day, revocationReason: 'superseded' });
    expect(mayRecertify({ ...fine, record: recordOf([young, retired]) }, policy, noon)).toBe(true);
  });

  it("is in the ledger, and nobody else's", () => {
    expect(mayRecertify({ ...fine, record: recordOf([]) }, policy, noon)).toBe(false);
    const another = entry({ principalId: idOf('pump-8') });
    expect(mayRecertify({ ...fine, record: recordOf([young, another]) }, policy, noon)).toBe(false);
  });

  const entries = fc.array(
    fc
      .record({
        age: fc.integer({ min: 0, max: 2_000 }),
        state: fc.constantFrom<LedgerEntry['state']>('active', 'superseded', 'retired', 'revoked', 'expired'),
        revocationReason: fc.constantFrom<RevocationReason>('keyCompromise', 'superseded', 'unspecified'),
      })
      .map(({ age, state, revocationReason }) =>
        entry({ issuedAt: noon - age * day, state, revocationReason: state === 'revoked' ? revocationReason : null }),
      ),
    { maxLength: 5 },
  );
  const modes = fc.uniqueArray(fc.constantFrom(...keyModes));
  const history = fc.option(
    fc
      .record({ agrees: fc.boolean(), allowed: fc.boolean(), entries })
      .map((known) => ({ ...known, record: recordOf(known.entries) })),
  );

  it('is among what policy and device both name, in the order of the policy, whatever is asked', () => {
    fc.assert(
      fc.property(modes, modes, history, fc.integer({ min: 0, max: 3_000 }), (wants, can, known, ageDays) => {
        const rules = { ...policy, keyModes: wants, keyAgeMaxMs: ageDays * day };
        const possible = possibleKeyModes(rules, { modes: can }, known, noon);
        expect(possible).toEqual(wants.filter((mode) => possible.includes(mode)));
        for (const mode of possible) expect(can.length > 0 ? can : ['csr']).toContain(mode);
        expect(chooseKeyMode(rules, { modes: can }, known, noon)).toBe(possible[0] ?? null);
        if (possible.includes('recertify')) {
          const ages = (known?.entries ?? []).map(({ issuedAt }) => noon - issuedAt);
          expect(Math.max(...ages)).toBeLessThan(rules.keyAgeMaxMs);
        }
        if (possible.includes('keygen')) expect(known).toMatchObject({ agrees: true });
        const tainted = known?.entries.some(
          ({ revocationReason }) => (revocationReason ?? 'superseded') !== 'superseded',
        );
        if (tainted) expect(possible.filter((mode) => mode !== 'csr')).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('once too old stays too old', () => {
    fc.assert(
      fc.property(
        entries,
        fc.integer({ min: 0, max: 4_000 }),
        fc.integer({ min: 0, max: 4_000 }),
        (known, first, more) => {
          const key = { agrees: true, allowed: true, record: recordOf(known) };
          const later = mayRecertify(key, policy, noon + (first + more) * day);
          if (later) expect(mayRecertify(key, policy, noon + first * day)).toBe(true);
        },
      ),
    );
  });
});
