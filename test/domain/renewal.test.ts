// The renewal's state machine: its path, what repetition and disorder do to it, and what can never happen.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import { retryDelayMs } from '../../src/domain/policy.ts';
import {
  advance,
  holdsCertificate,
  isOpen,
  isOwn,
  owed,
  type Renewal,
  type RenewalEvent,
  renewalStates,
  sentAgain,
} from '../../src/domain/renewal.ts';
import { day, fingerprintB, idOf, noon, policy, renewal, second } from './samples.ts';

const key = 'd'.repeat(64) as Fingerprint;
const otherKey = 'e'.repeat(64) as Fingerprint;

function play(start: Renewal, events: readonly RenewalEvent[], now = noon): Renewal {
  let current = start;
  for (const event of events) {
    const transition = advance(current, event, policy, now);
    if (transition.kind === 'changed') current = transition.renewal;
  }
  return current;
}

const path: readonly RenewalEvent[] = [
  { type: 'offered' },
  { type: 'requested', requestKey: key },
  { type: 'issued', fingerprint: fingerprintB },
  { type: 'delivered' },
  { type: 'installed' },
  { type: 'activated', overlapUntil: noon + day },
  { type: 'confirmed' },
  { type: 'retired' },
];

describe('renewal', () => {
  it('goes from due to retired', () => {
    let current = renewal();
    const states = path.map((event) => {
      current = play(current, [event]);
      return current.state;
    });
    expect(states).toEqual([
      'offered',
      'requested',
      'issued',
      'delivered',
      'installed',
      'activated',
      'activated',
      'retired',
    ]);
    expect(current).toMatchObject({ newFingerprint: fingerprintB, nextAt: null, activatedAt: noon });
  });

  it('activates from issued on, whatever was acknowledged', () => {
    for (const upTo of [3, 4, 5]) {
      const activated = play(renewal(), [...path.slice(0, upTo), { type: 'activated', overlapUntil: noon }]);
      expect(activated.state).toBe('activated');
    }
    expect(play(renewal(), [{ type: 'activated', overlapUntil: noon }]).state).toBe('due');
    const failed = play(renewal(), [...path.slice(0, 4), { type: 'failed', code: 'flash', detail: '' }]);
    expect(failed.state).toBe('failed');
    expect(play(failed, [{ type: 'activated', overlapUntil: noon }]).state).toBe('activated');
  });

  it('takes the same key as the same request, also after a failure', () => {
    const delivered = play(renewal(), path.slice(0, 4));
    expect(advance(delivered, { type: 'requested', requestKey: key }, policy, noon).kind).toBe('unchanged');
    const failed = play(delivered, [{ type: 'failed', code: 'flash', detail: '' }, { type: 'offered' }]);
    const again = play(failed, [{ type: 'requested', requestKey: key }]);
    expect(again).toMatchObject({ state: 'issued', newFingerprint: fingerprintB, requests: 1 });
  });

  it('counts the same key again while the pause after a failure lasts, and only then', () => {
    const failure: RenewalEvent = { type: 'failed', code: 'flash', detail: '' };
    const asked: RenewalEvent = { type: 'requested', requestKey: key };
    let current = play(renewal(), path.slice(0, 4));
    while (current.requests < policy.requestsMax) current = play(current, [failure, asked]);
    current = play(current, [failure]);
    expect(advance(current, asked, policy, noon)).toEqual({ kind: 'refused', code: 'too_many_requests' });
    expect(play(current, [{ type: 'offered' }, asked])).toMatchObject({
      state: 'issued',
      newFingerprint: fingerprintB,
    });
  });

  it('makes the pause longer when its time had come, and begins it anew when the device asked', () => {
    const offered = play(renewal(), [{ type: 'offered' }]);
    const later = noon + 1_000;
    const due = sentAgain(offered, policy, later, 'due');
    const asked = sentAgain(offered, policy, later, 'asked');
    expect(due).toMatchObject({ attempts: 2, nextAt: later + retryDelayMs(policy, 2) });
    expect(asked).toMatchObject({ attempts: 1, nextAt: later + retryDelayMs(policy, 1) });
  });

  it('takes a new key in place of the old until the policy has enough of it', () => {
    let current = play(renewal(), path.slice(0, 4));
    current = play(current, [{ type: 'requested', requestKey: otherKey }]);
    expect(current).toMatchObject({ state: 'requested', newFingerprint: null, requests: 2 });
    expect(advance(current, { type: 'requested', requestKey: key }, policy, noon)).toEqual({
      kind: 'refused',
      code: 'unavailable',
    });
    current = play({ ...current, requests: 3 }, [{ type: 'issued', fingerprint: fingerprintB }]);
    expect(advance(current, { type: 'requested', requestKey: key }, policy, noon)).toEqual({
      kind: 'refused',
      code: 'too_many_requests',
    });
  });

  it('marks a lapse once and stays open until grace ends', () => {
    const lapsed = play(renewal({ state: 'delivered', newFingerprint: fingerprintB }), [{ type: 'expired' }]);
    expect(lapsed).toMatchObject({ state: 'delivered', lapsedAt: noon, nextAt: noon + 40 * day });
    expect(advance(lapsed, { type: 'expired' }, policy, noon).kind).toBe('unchanged');
    expect(play(lapsed, [{ type: 'closed' }])).toMatchObject({ state: 'lapsed', nextAt: null });
  });

  it.each([
    [null, 1, 0, true],
    [null, 2, 1, true],
    [null, 1, 1, false],
    [null, 0, 0, false],
    ['gw-1', 1, 0, false],
    ['gw-1', 2, 1, false],
  ])('asked for by %s, with %d requests of which %d were carried, is the own: %s', (via, requests, carried, is) => {
    expect(isOwn(renewal({ via: via === null ? null : idOf(via), requests, carriedRequests: carried }))).toBe(is);
  });

  it('charges requests to who brings them: neither the device nor its site gateway uses up those of the other', () => {
    const gateway = idOf('gw-1');
    let current = renewal();
    const ask = (via: typeof gateway | null) => {
      const requestKey = `${current.requests}`.repeat(64) as Fingerprint;
      const transition = advance(
        { ...current, via, state: 'offered' },
        { type: 'requested', requestKey },
        policy,
        noon,
      );
      if (transition.kind === 'changed') current = transition.renewal;
      return transition.kind;
    };
    for (let i = 0; i < policy.requestsMax; i += 1) expect(ask(gateway)).toBe('changed');
    expect(ask(gateway)).toBe('refused');
    for (let i = 0; i < policy.requestsMax; i += 1) expect(ask(null)).toBe('changed');
    expect([ask(null), ask(gateway)]).toEqual(['refused', 'refused']);
  });

  it('takes no more than a tenth of the time that is left for one pause, and no less than a second', () => {
    const pauseAt = (leftMs: number): number => {
      const failed = play(renewal({ state: 'offered', attempts: 40, deadline: noon + leftMs }), [
        { type: 'failed', code: 'flash', detail: '' },
      ]);
      return (failed.nextAt ?? 0) - noon;
    };
    expect([100 * second, 20 * second, 5 * second].map(pauseAt)).toEqual([10 * second, 2 * second, second]);
    const lapsed = {
      state: 'offered',
      attempts: 40,
      deadline: noon,
      lapsedAt: noon,
      closesAt: noon + 50 * second,
    } as const;
    expect(play(renewal(lapsed), [{ type: 'failed', code: 'x', detail: '' }]).nextAt).toBe(noon + 5 * second);
  });

  const events: fc.Arbitrary<RenewalEvent> = fc.oneof(
    fc.constantFrom<RenewalEvent>(
      ...path,
      { type: 'requested', requestKey: otherKey },
      { type: 'failed', code: 'x', detail: 'y' },
      { type: 'cancelled', detail: 'z' },
      { type: 'expired' },
      { type: 'closed' },
    ),
  );

  it('replaying an event changes nothing but offers, failures and their counts', () => {
    fc.assert(
      fc.property(fc.array(events, { maxLength: 25 }), events, (before, event) => {
        const current = play(renewal(), before);
        const once = play(current, [event]);
        const twice = play(once, [event]);
        if (event.type === 'offered') expect(twice.state).toBe(once.state);
        else expect(twice).toEqual(once);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps its invariants under any sequence', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(events, fc.integer({ min: 0, max: day })), { maxLength: 40 }), (steps) => {
        let current = renewal();
        let now = noon;
        let ended = false;
        for (const [event, wait] of steps) {
          now += wait;
          const transition = advance(current, event, policy, now);
          if (transition.kind !== 'changed') continue;
          const next = transition.renewal;
          expect(renewalStates).toContain(next.state);
          expect(ended && isOpen(next)).toBe(false);
          if (['issued', 'delivered', 'installed', 'activated', 'retired'].includes(next.state)) {
            expect(next.newFingerprint).not.toBeNull();
          }
          if (isOpen(next)) expect(next.nextAt === null || next.nextAt <= next.closesAt).toBe(true);
          expect(next.requests).toBeLessThanOrEqual(policy.requestsMax);
          expect(next.state === 'activated' || next.state === 'retired' || next.activatedAt === null).toBe(true);
          if (owed(next) === 'cert') expect(holdsCertificate(next)).toBe(true);
          ended = !isOpen(next);
          current = next;
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
