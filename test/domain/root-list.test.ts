// When the revocation list of a root is signed anew, what is on it and how it is numbered.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Serial } from '../../src/domain/certificate.ts';
import {
  causeToSignRootList,
  nextRootList,
  type RevokedIssuing,
  type RootList,
  renewListAt,
  rootListValidityMs,
  rootName,
  unlisted,
} from '../../src/domain/root-list.ts';
import { dayMs } from '../../src/domain/time.ts';

const now = Date.UTC(2026, 10, 30);
const root = { notBefore: now - dayMs, notAfter: now + 20 * 365 * dayMs };
const revoked = (number: number): RevokedIssuing => ({
  number,
  root: 1,
  serial: number.toString(16).padStart(2, '0') as Serial,
  notAfter: now + dayMs,
  revokedAt: now - 1_500,
  reason: 'keyCompromise',
});
const first: RootList = { root: 1, ...nextRootList(root, null, [], now) };

describe('the list of a root', () => {
  it('is good for a year, or a quarter of the life of a short-lived root', () => {
    expect(rootListValidityMs(root)).toBe(365 * dayMs);
    expect(rootListValidityMs({ notBefore: 0, notAfter: 60_000 })).toBe(15_000);
  });

  it.each([
    ['missing', null, [], now],
    [null, first, [], now + 182 * dayMs],
    ['stale', first, [], now + 183 * dayMs],
    ['stale', first, [], now - 1],
    ['lacks', first, [revoked(1)], now],
    [null, { ...first, entries: [revoked(1)] }, [revoked(1)], now],
  ] as const)('is signed anew because of %s', (cause, list, issuing, at) => {
    expect(causeToSignRootList(list, issuing, at)).toBe(cause);
  });

  it('keeps what a list named that the ledger does not know, and says times in whole seconds', () => {
    const foreign = { serial: 'ff' as Serial, revokedAt: now - dayMs, reason: 'superseded' } as const;
    const { entries } = nextRootList(root, { number: 1, entries: [foreign] }, [revoked(1)], now);
    expect(entries).toEqual([foreign, { serial: '01', revokedAt: now - 2_000, reason: 'keyCompromise' }]);
  });

  it('never falls behind a number that was given, nor behind the Unix time', () => {
    expect(first.number).toBe(now / 1_000);
    expect(nextRootList(root, first, [], now - 5 * dayMs).number).toBe(first.number + 1);
  });

  it('once signed is good until half of its time has passed, whatever was revoked', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }).map((years) => ({ notBefore: now, notAfter: now + years * 365 * dayMs })),
        fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 8 }).map((all) => all.map(revoked)),
        fc.integer({ min: 0, max: 86_400_000 }),
        (life, issuing, later) => {
          const list = { root: 1, ...nextRootList(life, first, issuing, now + later) };
          expect(list.number).toBeGreaterThan(first.number);
          expect(unlisted(list, issuing)).toEqual([]);
          const half = renewListAt(list);
          expect(causeToSignRootList(list, issuing, now + later)).toBeNull();
          expect(causeToSignRootList(list, issuing, half - 1)).toBeNull();
          expect(causeToSignRootList(list, issuing, half)).toBe('stale');
        },
      ),
    );
  });

  it('is called by its root, and the first has no number', () => {
    expect([1, 2, 17].map(rootName)).toEqual(['root', 'root-2', 'root-17']);
  });
});
