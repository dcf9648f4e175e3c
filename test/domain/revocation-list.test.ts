// When a revocation list is signed anew, how it is numbered, and how long an expired certificate stays on it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  causeToSign,
  isSpent,
  mustShard,
  nextSigning,
  type RevocationList,
  routineWaitMs,
  signingPauseMs,
  takesMore,
} from '../../src/domain/revocation-list.ts';

const now = 1_800_000_000_000;
const day = 86_400_000;
const validityMs = 7 * day;

const list = (facts: Partial<RevocationList> = {}): RevocationList => ({
  shard: 0,
  issuer: 1,
  url: null,
  certificates: 0,
  lastNotAfter: 0,
  number: 1_799_000_000,
  thisUpdate: now,
  nextUpdate: now + validityMs,
  scheduledAt: now,
  entries: 0,
  bytes: 300,
  revoked: 5,
  urgent: 2,
  listedRevoked: 5,
  listedUrgent: 2,
  ...facts,
});

const sign = (before: RevocationList, at: number): RevocationList & { readonly listedFrom: number } => ({
  ...before,
  ...nextSigning(before, at, validityMs),
});

describe('a list is signed', () => {
  const wait = routineWaitMs(15 * 60_000, validityMs);

  it.each([
    ['never was', { number: 0, thisUpdate: 0, nextUpdate: 0 }, 0, 'stale'],
    ['is of the future', { thisUpdate: now + 1 }, 0, 'stale'],
    ['is at half its time', {}, validityMs / 2, 'stale'],
    ['is good', {}, validityMs / 2 - 1, null],
    ['lacks a compromise', { urgent: 3, revoked: 6 }, 0, 'urgent'],
    ['lacks what was superseded a moment ago', { revoked: 6 }, 0, null],
    ['has waited for what was superseded', { revoked: 6 }, 15 * 60_000, 'routine'],
  ] as const)('that %s: %o after %d ms: %s', (_, facts, afterMs, cause) => {
    expect(causeToSign(list(facts), now + afterMs, wait)).toBe(cause);
  });

  it('well before nextUpdate, however long the interval and however short the validity', () => {
    fc.assert(
      fc.property(fc.nat(30 * day), fc.integer({ min: 5_000, max: 365 * day }), (interval, validity) => {
        const waitMs = routineWaitMs(interval, validity);
        expect(waitMs).toBeLessThanOrEqual(Math.min(interval, validity / 4));
      }),
    );
  });

  it('the less often the longer it is, and a short one once a second', () => {
    expect([0, 20_000, 840_000].map((entries) => signingPauseMs({ entries }))).toEqual([1_000, 1_000, 42_000]);
  });
});

describe('the number of a list', () => {
  it('is the greater of the last plus one and the Unix time, and never falls', () => {
    expect(nextSigning(list(), now, validityMs).number).toBe(now / 1_000);
    expect(nextSigning(list({ number: now }), now, validityMs).number).toBe(now + 1);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -400 * day, max: 400 * day }), { maxLength: 20 }), (moves) => {
        let last = list({ number: 0 });
        for (const move of moves) {
          const next = sign(last, now + move);
          expect(next.number).toBeGreaterThan(last.number);
          last = next;
        }
      }),
    );
  });

  it('is beyond every number that was given after the backup a home is restored from', () => {
    const backup = sign(list({ number: 0 }), now);
    let given = backup;
    // A list a second, at most.
    for (let second = 1; second <= 500; second += 1) given = sign(given, now + second * 1_000);
    expect(sign(backup, now + 501_000).number).toBeGreaterThan(given.number);
  });
});

describe('an entry', () => {
  const isListed = (notAfter: number, { listedFrom }: { readonly listedFrom: number }) => notAfter >= listedFrom;

  it('leaves only after a list of the regular schedule has shown it that was signed after its end (RFC 5280, 3.3)', () => {
    const hours = fc.array(fc.integer({ min: 1, max: 240 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(hours, fc.nat(100 * day), (pauses, lifeMs) => {
        const notAfter = now + lifeMs;
        let last = sign(list({ number: 0 }), now);
        let wasShown = false;
        for (const pause of pauses) {
          const at = last.thisUpdate + pause * 3_600_000;
          const next = sign(last, at);
          if (!isListed(notAfter, next)) expect(wasShown).toBe(true);
          else if (next.scheduledAt === at && at > notAfter) wasShown = true;
          last = next;
        }
      }),
    );
  });

  it('does leave, however often lists are signed in between', () => {
    let last = sign(list({ number: 0 }), now);
    const seen: number[] = [];
    for (let hour = 1; hour <= 24 * 14; hour += 1) {
      last = sign(last, now + hour * 3_600_000);
      if (isListed(now + day, last)) seen.push(hour);
    }
    // It is on the list of the schedule at three and a half days, and on those until the next of the schedule.
    expect(seen.at(-1)).toBe(3.5 * 24);
  });

  it('that is valid is never left out by a clock that ran ahead', () => {
    const ahead = sign(sign(list(), now), now + 400 * day);
    expect(isListed(now + day, sign(ahead, now + 60_000))).toBe(true);
  });
});

describe('a shard', () => {
  const base = 'http://gateway/crl/issuing/';
  const shard = list({ shard: 3, url: `${base}3.crl`, certificates: 99, lastNotAfter: now + day });

  it('is named by new certificates once the complete list has grown', () => {
    expect([99, 100, 101].map((entries) => mustShard(list({ entries }), 100))).toEqual([false, true, true]);
  });

  it.each([
    ['has room', {}, true],
    ['is full', { certificates: 100 }, false],
    ['was not signed yet', { number: 0 }, false],
    ['is elsewhere than new certificates are to say', { url: 'http://former/crl/issuing/3.crl' }, false],
    ['is the complete list', { shard: 0, url: null }, false],
  ] as const)('that %s takes more: %o: %s', (_, facts, takes) => {
    expect(takesMore({ ...shard, ...facts }, 100, base)).toBe(takes);
  });

  it('is spent when a list of the schedule was signed after the last of its certificates ended', () => {
    const later = now + 2 * day;
    expect(isSpent({ ...shard, scheduledAt: now + day }, later)).toBe(false);
    expect(isSpent({ ...shard, scheduledAt: now + day + 1 }, later)).toBe(true);
    expect(isSpent(list({ scheduledAt: now + day }), later)).toBe(false);
    // The clock was ahead when it was signed.
    expect(isSpent({ ...shard, scheduledAt: later + 1 }, later)).toBe(false);
  });
});
