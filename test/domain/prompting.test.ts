// What a device is told under its renewal, and what is kept of having told it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Hold } from '../../src/domain/hold.ts';
import { keyModes } from '../../src/domain/principal.ts';
import { afterSending, isPaused, type PromptFacts, planAnew, planPrompt } from '../../src/domain/prompting.ts';
import { advance, holdsCertificate, isOpen, owed, type Renewal, renewalStates } from '../../src/domain/renewal.ts';
import { downWords } from '../../src/domain/topics.ts';
import { day, fingerprintB, idOf, noon, policy, renewal } from './samples.ts';

const free: Hold = { kind: 'free' };
const held: Hold = { kind: 'held', until: noon + day };
const urgent: Hold = { kind: 'urgent', campaign: 'c1' };

function facts(patch: Partial<PromptFacts> = {}): PromptFacts {
  const offers = { left: 5, contended: false };
  return { renewal: renewal(), reason: 'due', hold: free, isHeard: true, isUsable: false, offers, ...patch };
}

const withCertificate = { newFingerprint: fingerprintB } as const;

describe('the plan of a prompt', () => {
  const none = { left: 0, contended: false };
  const contended = { left: 5, contended: true };
  const turn = { takesTurn: true, overrides: null };
  const noTurn = { takesTurn: false, overrides: null };
  const issued = { ...withCertificate, state: 'issued' } as const;
  const cases: readonly (readonly [string, Partial<PromptFacts>, unknown])[] = [
    ['an offer that somebody hears takes a turn', {}, { kind: 'send', ...turn }],
    ['an offer that nobody hears takes none', { isHeard: false }, { kind: 'send', ...noTurn }],
    ['an offer without a turn waits', { offers: none }, { kind: 'queue' }],
    ['an offer that nobody hears does not wait', { offers: none, isHeard: false }, { kind: 'send', ...noTurn }],
    ['one that was asked for comes after those who wait', { reason: 'asked', offers: contended }, { kind: 'queue' }],
    ['one that is due does not', { offers: contended }, { kind: 'send', ...turn }],
    ['a paused campaign holds it back', { hold: held }, { kind: 'hold', until: noon + day }],
    ['however few turns there are', { hold: held, offers: none }, { kind: 'hold', until: noon + day }],
    ['what is urgent overrides it', { hold: urgent }, { kind: 'send', takesTurn: true, overrides: 'c1' }],
    ['which is said only where it is offered', { hold: urgent, isHeard: false }, { kind: 'send', ...noTurn }],
    ['and not while it waits', { hold: urgent, offers: none }, { kind: 'queue' }],
    ['a key made here comes before the offer', { renewal: renewal({ mode: 'keygen' }) }, { kind: 'prepare', ...turn }],
    ['so does the present key', { renewal: renewal({ mode: 'recertify' }) }, { kind: 'prepare', ...turn }],
    ['a certificate takes no turn', { renewal: renewal(issued), offers: none }, { kind: 'send', ...noTurn }],
    [
      'one that is worth fetching is sent',
      { renewal: renewal({ ...issued, mode: 'keygen' }), isUsable: true },
      { kind: 'send', ...noTurn },
    ],
    ['else it is made anew', { renewal: renewal({ ...issued, mode: 'keygen' }) }, { kind: 'prepare', ...noTurn }],
    ['nothing is owed while it is signed', { renewal: renewal({ state: 'requested' }) }, { kind: 'nothing' }],
    ['nor once it is installed', { renewal: renewal({ ...withCertificate, state: 'installed' }) }, { kind: 'nothing' }],
  ];

  it.each(cases)('%s', (_, patch, plan) => {
    expect(planPrompt(facts(patch))).toEqual(plan);
  });

  const anyFacts = fc.record({
    renewal: fc
      .record({ state: fc.constantFrom(...renewalStates), mode: fc.constantFrom(...keyModes) })
      .map((patch) => renewal({ ...patch, ...withCertificate })),
    reason: fc.constantFrom('due' as const, 'asked' as const),
    hold: fc.constantFrom(free, held, urgent),
    isHeard: fc.boolean(),
    isUsable: fc.boolean(),
    offers: fc.record({ left: fc.nat(3), contended: fc.boolean() }),
  });

  it('never takes a turn that is not there, and only for an offer', () => {
    fc.assert(
      fc.property(anyFacts, (given) => {
        const plan = planPrompt(given);
        if (plan.kind !== 'send' && plan.kind !== 'prepare') return;
        if (plan.takesTurn) expect([given.offers.left > 0, owed(given.renewal)]).toEqual([true, 'offer']);
        if (given.renewal.mode === 'csr') expect(plan.kind).toBe('send');
      }),
    );
  });
});

describe('a reported failure', () => {
  it.each([
    [null, null, true],
    [null, 'gw-1', true],
    ['gw-1', null, false],
    ['gw-1', 'gw-1', true],
    ['gw-1', 'gw-2', true],
  ])('said by %s holds the next offer back on the way %s: %s', (said, way, is) => {
    const [via = null, path = null] = [said, way].map((each) => (each === null ? null : idOf(each)));
    const reported = advance(
      renewal({ state: 'offered' }),
      { type: 'failed', code: 'flash', detail: '', via },
      policy,
      noon,
    );
    if (reported.kind !== 'changed') throw new Error('it did not fail');
    const failed = reported.renewal;
    expect(isPaused(failed, path, noon)).toBe(is);
    expect(isPaused(failed, path, failed.nextAt ?? 0)).toBe(false);
    expect(isPaused({ ...failed, state: 'offered' }, path, noon)).toBe(false);
    expect(planAnew(failed, path, noon)).toBe(is ? 'pause' : 'owed');
  });
});

describe('who begins to listen or says hello', () => {
  it.each([
    [{ state: 'due' }, 'owed'],
    [{ state: 'delivered', ...withCertificate }, 'owed'],
    [{ state: 'installed', ...withCertificate }, 'replacement'],
    [{ state: 'activated', ...withCertificate }, 'owed'],
    [{ state: 'activated', confirmedAt: noon, ...withCertificate }, 'done'],
  ] as const)('is told under %j: %s', (patch, told) => {
    expect(planAnew(renewal(patch), null, noon)).toBe(told);
  });
});

describe('what is kept of having sent something', () => {
  const keptOf = (current: Renewal, words: readonly (typeof downWords)[number][], reason: 'due' | 'asked' = 'due') =>
    afterSending(current, current.state, new Set(words), reason, policy, noon);

  it('is nothing where the renewal has moved on since', () => {
    expect(afterSending(renewal({ state: 'requested' }), 'due', new Set(['offer']), 'due', policy, noon)).toEqual({
      kind: 'nothing',
    });
  });

  it('is that the device is awaited, where nobody took it', () => {
    expect(keptOf(renewal({ state: 'offered' }), [])).toMatchObject({
      kind: 'put',
      renewal: { nextAt: noon + 10 * day },
    });
    expect(keptOf(renewal({ state: 'activated', ...withCertificate }), [])).toEqual({ kind: 'nothing' });
  });

  it('counts an offer, but not one more that its device asked for', () => {
    expect(keptOf(renewal({ attempts: 1 }), ['offer'])).toMatchObject({
      kind: 'move',
      move: { event: { type: 'offered' }, after: { state: 'offered', attempts: 2 } },
    });
    expect(keptOf(renewal({ state: 'offered', attempts: 1 }), ['offer'], 'asked')).toMatchObject({
      kind: 'put',
      renewal: { state: 'offered', attempts: 1 },
    });
  });

  it('writes the delivery and when it is sent again as one', () => {
    expect(keptOf(renewal({ state: 'issued', attempts: 1, ...withCertificate }), ['cert'])).toMatchObject({
      kind: 'move',
      move: { event: { type: 'delivered' }, after: { state: 'delivered', attempts: 2 } },
    });
    expect(keptOf(renewal({ state: 'delivered', attempts: 1, ...withCertificate }), ['cert'])).toMatchObject({
      kind: 'put',
      renewal: { state: 'delivered', attempts: 2 },
    });
  });

  it('is the confirmation, once', () => {
    const activated = renewal({ state: 'activated', activatedAt: noon - 1, ...withCertificate });
    expect(keptOf(activated, ['done'])).toMatchObject({ kind: 'move', move: { after: { confirmedAt: noon } } });
    expect(keptOf({ ...activated, confirmedAt: noon }, ['done'])).toEqual({ kind: 'nothing' });
  });

  it('has an open renewal looked at again in every case, and never leaves the states of one', () => {
    const any = fc.record({
      state: fc.constantFrom(...renewalStates.filter((state) => isOpen({ state }))),
      words: fc.subarray([...downWords]),
      reason: fc.constantFrom('due' as const, 'asked' as const),
    });
    fc.assert(
      fc.property(any, ({ state, words, reason }) => {
        const current = renewal({ state, ...withCertificate });
        const sending = keptOf(
          current,
          words.filter((word) => word !== 'done'),
          reason,
        );
        if (sending.kind === 'nothing') return;
        const kept = sending.kind === 'put' ? sending.renewal : sending.move.after;
        expect(kept.nextAt).not.toBeNull();
        expect(isOpen(kept)).toBe(true);
        expect(holdsCertificate(kept)).toBe(holdsCertificate(current));
      }),
    );
  });
});
