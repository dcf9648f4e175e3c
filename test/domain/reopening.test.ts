import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHeard, objectToReopening, type ReopeningFacts } from '../../src/domain/reopening.ts';
import { day, fingerprintA, fingerprintB, noon } from './samples.ts';

const allowed: ReopeningFacts = {
  renewal: {
    state: 'activated',
    oldFingerprint: fingerprintA,
  },
  status: 'active',
  speaksUnder: fingerprintA,
  old: { state: 'superseded', overlapUntil: noon + day, notAfter: noon + 2 * day },
  replacement: { state: 'active' },
  isInUse: false,
  isCompromised: false,
  now: noon,
};

type Patch = Partial<Omit<ReopeningFacts, 'renewal'>> & { renewal?: Partial<ReopeningFacts['renewal']> };
const withPatch = ({ renewal = {}, ...rest }: Patch): ReopeningFacts => ({
  ...allowed,
  ...rest,
  renewal: { ...allowed.renewal, ...renewal },
});

const forbidden: Readonly<Record<string, Patch>> = {
  'the renewal has retired': { renewal: { state: 'retired' } },
  'the renewal is still open': { renewal: { state: 'installed' } },
  'it is a first enrollment': { renewal: { oldFingerprint: null }, old: null },
  'a site gateway says so': { speaksUnder: null },
  'a stranger says so of what replaced nothing': { renewal: { oldFingerprint: null }, speaksUnder: null },
  'it is said under the replacement': { speaksUnder: fingerprintB },
  'the device is in quarantine': { status: 'quarantined' },
  'the device is decommissioned': { status: 'decommissioned' },
  'overlap has ended': { old: { state: 'superseded', overlapUntil: noon, notAfter: noon + day } },
  'the old certificate has ended': { old: { state: 'superseded', overlapUntil: noon + day, notAfter: noon } },
  'it was a drill, and the old certificate is in use': {
    old: { state: 'active', overlapUntil: null, notAfter: noon + day },
  },
  'the old certificate was revoked': { old: { state: 'revoked', overlapUntil: noon + day, notAfter: noon + day } },
  'the replacement was revoked': { replacement: { state: 'revoked' } },
  'the replacement was replaced itself': { replacement: { state: 'superseded' } },
  'somebody is connected with the replacement': { isInUse: true },
  'a key is not to be trusted': { isCompromised: true },
};

describe('a renewal that was activated', () => {
  it('may be followed by another, on the word of a connection under the superseded certificate', () => {
    expect(objectToReopening(allowed)).toBeNull();
  });

  it.each(Object.entries(forbidden))('may not when %s', (_, patch) => {
    expect(objectToReopening(withPatch(patch))).not.toBeNull();
  });

  it('may not whatever else holds, when one thing forbids it', () => {
    const patches = fc.constantFrom(...Object.values(forbidden));
    fc.assert(
      fc.property(patches, fc.array(patches), (one, others) => {
        const all = [...others, one];
        const facts = withPatch({
          ...Object.assign({}, ...all),
          renewal: Object.assign({}, ...all.map(({ renewal = {} }) => renewal)),
        });
        expect(objectToReopening(facts)).not.toBeNull();
      }),
    );
  });
});

it.each([
  [null, null, false],
  [noon, null, true],
  [noon, noon + 1, false],
  [noon + 1, noon + 1, false],
  [noon + 2, noon + 1, true],
  [null, noon, false],
])(
  'heard at %s and reopened at %s, the device has spoken under the replacement since: %s',
  (heardAt, reopenedAt, is) => {
    expect(isHeard({ heardAt, reopenedAt })).toBe(is);
  },
);
