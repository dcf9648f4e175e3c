// Which step a principal is told, when again, and what follows from what it says: tables, and a device of its own rules that is led on.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import type { PrincipalId } from '../../src/domain/principal.ts';
import { dayMs } from '../../src/domain/time.ts';
import {
  afterAnswer,
  afterControlAnswer,
  consequences,
  isAboutControl,
  newestHeld,
  nextTelling,
  type PlanFacts,
  stepForControl,
  stepToTell,
} from '../../src/domain/trust-plan.ts';
import type { TrustRecord } from '../../src/domain/trust-record.ts';
import type { TrustStep } from '../../src/domain/trust-step.ts';
import {
  afterConnack,
  attempts,
  newTrustStore,
  stepRefusals,
  type TrustStore,
  takeStep,
} from '../../src/domain/trust-store.ts';
import {
  afterFetching,
  afterTelling,
  againKnownMs,
  againUnknownMs,
  type Connects,
  dueAgain,
  isAnnounced,
  type KeptStep,
  nothingTold,
  type TrustTold,
  toldSince,
  wasTold,
} from '../../src/domain/trust-told.ts';

const id = 'meter-1' as PrincipalId;
const now = 1_800_000_000_000;
const end = now + 10_000 * dayMs;

function step(kind: KeptStep['kind'], signer: number, sequence: number, facts: Partial<KeptStep> = {}): KeptStep {
  const named = kind === 'successor' ? signer + 1 : signer;
  const dates = { madeAt: now - dayMs, announcedFrom: now - dayMs, keptUntil: end };
  return { sequence, kind, signer, named, size: 565, port: 8_880 + named, ...dates, ...facts };
}
const toSecond = step('successor', 1, 100);
const dropFirst = step('drop', 2, 150);
const toThird = step('successor', 2, 200);
const withdrawSecond = step('withdraw', 2, 180);
const toOther = step('successor', 1, 300, { named: 3 });

const first: Connects = { lastRoot: 1, reopenedAt: null, offered: 0 };
const second: Connects = { lastRoot: 2, reopenedAt: null, offered: 0 };
const facts = (steps: readonly KeptStep[], told: TrustTold, connects: Connects, at = now): PlanFacts => ({
  steps,
  told,
  connects,
  now: at,
});
const keeps = (...all: readonly KeptStep[]): TrustTold => ({
  ...nothingTold(id),
  settled: all.map(({ sequence }) => ({ sequence, stored: true, way: 'own' })),
});

describe('the step that is told', () => {
  it.each<[string, readonly KeptStep[], TrustTold, Connects, KeptStep | null]>([
    ['is none where there is none', [], nothingTold(id), first, null],
    ['is the one that names the successor of the first root', [toSecond], nothingTold(id), first, toSecond],
    [
      'is none that is not released',
      [step('successor', 1, 100, { announcedFrom: null })],
      nothingTold(id),
      first,
      null,
    ],
    ['is none before its time', [step('successor', 1, 100, { announcedFrom: now + 1 })], nothingTold(id), first, null],
    [
      'is none that is not kept any more',
      [step('successor', 1, 100, { keptUntil: now })],
      nothingTold(id),
      first,
      null,
    ],
    ['is the next after the one that is kept', [toSecond, toThird], keeps(toSecond), first, toThird],
    ['is not the second before the first', [toSecond, toThird], nothingTold(id), first, toSecond],
    [
      'is by the root under which it connects, whatever it was told before',
      [toSecond, toThird],
      nothingTold(id),
      second,
      toThird,
    ],
    [
      'is the one that is kept, for the sake of its port, until that is proved',
      [toSecond],
      keeps(toSecond),
      first,
      toSecond,
    ],
    ['is none once that is proved', [toSecond], keeps(toSecond), second, null],
    ['drops older roots after that', [toSecond, dropFirst], keeps(toSecond), second, dropFirst],
    ['is nothing after the drop', [toSecond, dropFirst], keeps(toSecond, dropFirst), second, null],
    ['withdraws a root that is kept', [toSecond, withdrawSecond], keeps(toSecond), first, withdrawSecond],
    [
      'withdraws a root before anything else that it said',
      [toSecond, toThird, step('withdraw', 2, 999)],
      keeps(toSecond),
      first,
      step('withdraw', 2, 999),
    ],
    [
      'names the next root to who holds no other than the one that is withdrawn',
      [withdrawSecond, toThird],
      { ...nothingTold(id), alone: { sequence: 180, lastRoot: 2 } },
      second,
      toThird,
    ],
    [
      'is the withdrawal for who holds no other, where nothing else is to be said',
      [withdrawSecond],
      { ...nothingTold(id), alone: { sequence: 180, lastRoot: 2 } },
      second,
      withdrawSecond,
    ],
    [
      'is the withdrawal again once it has connected under another root',
      [withdrawSecond, toThird],
      { ...nothingTold(id), alone: { sequence: 180, lastRoot: 1 } },
      second,
      withdrawSecond,
    ],
    ['names no root that was withdrawn', [toSecond, withdrawSecond], nothingTold(id), first, null],
    [
      'withdraws a root that it was told of once, and came back from, before anything else',
      [toSecond, withdrawSecond, toOther],
      nothingTold(id),
      { ...first, reopenedAt: now - 5, offered: toSecond.sequence },
      withdrawSecond,
    ],
    [
      'withdraws one that it was told of, and said nothing of',
      [toSecond, withdrawSecond],
      nothingTold(id),
      { ...first, offered: toSecond.sequence },
      withdrawSecond,
    ],
    [
      'names the next once it has said that it does not hold the one that was withdrawn',
      [toSecond, withdrawSecond, toOther],
      afterAnswer(
        facts([toSecond, withdrawSecond], nothingTold(id), { ...first, offered: toSecond.sequence }),
        withdrawSecond,
        'own',
        'unknown_signer',
      ),
      { ...first, offered: toSecond.sequence },
      toOther,
    ],
    ['names the next instead', [toSecond, withdrawSecond, toOther], nothingTold(id), first, toOther],
    [
      'is by the older root again after a withdrawal',
      [toSecond, withdrawSecond, toOther],
      keeps(toSecond, withdrawSecond),
      first,
      toOther,
    ],
    [
      'is by the older root again although it connected last under the one that was withdrawn',
      [toSecond, withdrawSecond, toOther],
      keeps(toSecond, withdrawSecond),
      second,
      toOther,
    ],
    [
      'is none of a signer that said something later',
      [toSecond, toOther],
      keeps(toOther),
      { ...first, lastRoot: 3 },
      null,
    ],
  ])('%s', (_, steps, told, connects, expected) => {
    expect(stepToTell(facts(steps, told, connects), 'own')).toEqual(expected);
  });

  it('is no withdrawal any more after `last_root`, and that is told again after a week where it is all there is', () => {
    const told = afterTelling(nothingTold(id), 180, 'own', now);
    const answered = (steps: readonly KeptStep[]) =>
      afterAnswer(facts(steps, told, second), withdrawSecond, 'own', 'last_root');
    expect(stepToTell(facts([withdrawSecond, toThird], answered([withdrawSecond, toThird]), second), 'own')).toBe(
      toThird,
    );
    const alone = answered([withdrawSecond]);
    expect(dueAgain(alone, 180, 'own', now + 6 * dayMs)).not.toBeNull();
    expect(dueAgain(alone, 180, 'own', now + 7 * dayMs)).toBeNull();
    // A site gateway's word of it holds up nothing.
    const carried = afterTelling(nothingTold(id), 180, 'carried', now);
    const said = afterAnswer(facts([withdrawSecond, toThird], carried, second), withdrawSecond, 'carried', 'last_root');
    expect(said.alone).toBeNull();
  });

  it('takes a withdrawal that was signed before what its root said last', () => {
    const sealed = step('withdraw', 3, 199);
    expect(stepToTell(facts([toSecond, sealed, toThird], keeps(toSecond, toThird), second), 'own')).toEqual(sealed);
  });

  it("settles nothing on the device's own connection by the word of a site gateway", () => {
    const said = afterAnswer(facts([toSecond, dropFirst], nothingTold(id), first), toSecond, 'carried', null);
    expect(stepToTell(facts([toSecond, toThird], said, first), 'carried')).toEqual(toThird);
    expect(stepToTell(facts([toSecond, toThird], said, first), 'own')).toEqual(toSecond);
    const own = afterAnswer(facts([toSecond, toThird], said, first), toSecond, 'own', null);
    expect(stepToTell(facts([toSecond, toThird], own, first), 'own')).toEqual(toThird);
    expect(afterAnswer(facts([toSecond], own, first), toSecond, 'carried', null).settled).toEqual(own.settled);
  });

  it('is told anew once a proof was reopened', () => {
    const reopened = { ...first, reopenedAt: now - 5 };
    const told = toldSince(keeps(toSecond), reopened);
    expect(told).toEqual({ ...nothingTold(id), reopenedAt: now - 5 });
    expect(toldSince(told, reopened)).toBe(told);
  });
});

describe('what follows from a failure', () => {
  const tell = (told: TrustTold, at = now) => afterTelling(told, toSecond.sequence, 'own', at);
  const answer = (code: string, connects = first, steps = [toSecond, toThird]) =>
    afterAnswer(facts(steps, tell(nothingTold(id)), connects), toSecond, 'own', code);

  it('is decided for each code that a device may say', () => {
    expect(Object.keys(consequences)).toEqual(Object.keys(stepRefusals));
  });

  it.each<[string, KeptStep | null]>([
    ['malformed_step', toSecond],
    ['bad_signature', toSecond],
    ['last_root', toSecond],
    ['no_slot', toSecond],
    ['no_space', toSecond],
    ['constructor', toSecond],
    // It connects under the first root, and says that it does not hold it.
    ['unknown_signer', toSecond],
    ['older_root', toThird],
    ['old_sequence', toThird],
    ['already_held', toThird],
    ['port_untrusted', toThird],
    ['port_unreachable', toThird],
  ])('%s', (code, next) => {
    const told = answer(code);
    expect(stepToTell(facts([toSecond, toThird], told, first), 'own')).toEqual(next);
    if (next === toSecond) expect(dueAgain(told, toSecond.sequence, 'own', now + 500_000)).not.toBeNull();
  });

  it('passes over what is signed by a root that the device does not hold', () => {
    const elsewhere = { ...first, lastRoot: 4 };
    const told = afterAnswer(facts([toSecond], tell(nothingTold(id)), elsewhere), toSecond, 'own', 'unknown_signer');
    expect(told.settled).toEqual([{ sequence: 100, stored: false, way: 'own' }]);
    expect(stepToTell(facts([toSecond], told, elsewhere), 'own')).toBeNull();
  });

  it("takes no site gateway's word for it that a device is beyond a step", () => {
    const told = afterAnswer(
      facts([toSecond, toThird], afterTelling(nothingTold(id), 100, 'carried', now), first),
      toSecond,
      'carried',
      'older_root',
    );
    expect(told.settled).toEqual([]);
    expect(stepToTell(facts([toSecond, toThird], told, first), 'carried')).toEqual(toSecond);
  });

  it('has a device without room connect under the root before first', () => {
    const stored = afterAnswer(facts([toSecond, toThird], tell(nothingTold(id)), first), toSecond, 'own', null);
    const full = afterAnswer(
      facts([toSecond, toThird], afterTelling(stored, 200, 'own', now), first),
      toThird,
      'own',
      'no_slot',
    );
    expect(stepToTell(facts([toSecond, toThird], full, first), 'own')).toEqual(toSecond);
    const again = afterTelling(full, 100, 'own', now);
    expect(stepToTell(facts([toSecond, toThird], again, first), 'own')).toEqual(toSecond);
    expect(stepToTell(facts([toSecond, toThird], again, second), 'own')).toEqual(toThird);
  });

  it('is nothing the second time, and nothing of a step that was not the last', () => {
    const once = answer('port_unreachable');
    expect(afterAnswer(facts([toSecond], once, first, now + 1), toSecond, 'own', 'port_unreachable')).toBe(once);
    const kept = keeps(toSecond, toThird);
    expect(afterAnswer(facts([toSecond, toThird], kept, first), toSecond, 'own', 'port_unreachable')).toBe(kept);
    expect(afterAnswer(facts([toSecond, toThird], kept, first), toSecond, 'own', null)).toBe(kept);
  });

  it('is over once the device keeps the step after all', () => {
    const kept = afterAnswer(facts([toSecond], answer('malformed_step'), first), toSecond, 'own', null);
    expect(kept.own).toMatchObject({ failure: null, answered: true });
    expect(kept.settled).toEqual([{ sequence: 100, stored: true, way: 'own' }]);
  });
});

describe('when a step is told again', () => {
  /** When it is told in the first days, if somebody listens all the time. */
  function tellings(told: TrustTold, days: number): number[] {
    const times: number[] = [];
    let state = told;
    for (let at = now; at < now + days * dayMs; ) {
      state = afterTelling(state, 100, 'own', at);
      times.push(at - now);
      at = dueAgain(state, 100, 'own', at) ?? at;
    }
    return times;
  }

  it('is later and later, and once a week in the end where nobody answers', () => {
    const times = tellings(nothingTold(id), 365);
    expect(times.slice(0, 4)).toEqual([0, 10_000, 50_000, 210_000]);
    expect(times.length).toBeLessThan(65);
    expect((times.at(-1) ?? 0) - (times.at(-2) ?? 0)).toBe(againUnknownMs);
  });

  it('is once a day in the end where the step was fetched', () => {
    const fetched = afterFetching(afterTelling(nothingTold(id), 100, 'own', now), 100, 'own');
    const times = tellings(fetched, 30);
    expect((times.at(-1) ?? 0) - (times.at(-2) ?? 0)).toBe(againKnownMs);
    expect(afterFetching(fetched, 100, 'own')).toBe(fetched);
  });

  it('is at once on the other way, and for another step', () => {
    const told = afterTelling(nothingTold(id), 100, 'own', now);
    expect(dueAgain(told, 100, 'own', now)).toBe(now + 10_000);
    expect(dueAgain(told, 100, 'carried', now)).toBeNull();
    expect(dueAgain(told, 200, 'own', now)).toBeNull();
    expect([100, 200].map((sequence) => wasTold(told, sequence))).toEqual([true, false]);
  });

  it('is not put off by a clock that ran ahead', () => {
    const told = afterTelling(nothingTold(id), 100, 'own', now + 100 * dayMs);
    expect(dueAgain(told, 100, 'own', now)).toBe(now + 10_000);
  });

  it('gives a device that keeps a step an hour for its port, and a minute before the next step', () => {
    const told = afterTelling(nothingTold(id), 100, 'own', now);
    const stored = (steps: readonly KeptStep[]) => afterAnswer(facts(steps, told, first), toSecond, 'own', null).nextAt;
    expect(stored([toSecond])).toBe(now + 3_600_000);
    expect(stored([toSecond, toThird])).toBe(now + 60_000);
    const dropped = afterTelling(keeps(toSecond), 150, 'own', now);
    const all = facts([toSecond, dropFirst, toThird], dropped, second);
    expect(afterAnswer(all, dropFirst, 'own', null).nextAt).toBe(now);
    expect(nextTelling(facts([toSecond], nothingTold(id), first))).toBeNull();
  });
});

describe('a device that is led through rollovers', () => {
  const name = (root: number): Fingerprint => `${root}`.repeat(64).slice(0, 64) as Fingerprint;
  const rootOf = (fingerprint: Fingerprint): number => Number(fingerprint[0]);
  const said = (kept: KeptStep): TrustStep => {
    const { kind, sequence, signer, named } = kept;
    const by = { sequence, signer: name(signer) };
    return kind === 'successor' ? { kind, ...by, named: name(named), root: Uint8Array.of(named) } : { kind, ...by };
  };

  /** What a home has said in its life: roots that follow each other, some of which are withdrawn before the next one is named. */
  function history(withdrawn: readonly boolean[]): { steps: KeptStep[]; newest: number } {
    const steps: KeptStep[] = [];
    let current = 1;
    /** One is announced after the other, so that devices have time for each. */
    const say = (kind: KeptStep['kind'], signer: number, sequence: number, named = signer): void => {
      steps.push(step(kind, signer, sequence, { named, announcedFrom: now + steps.length * 24 * dayMs }));
    };
    withdrawn.forEach((isWithdrawn, at) => {
      const [next, sequence] = [at + 2, (at + 1) * 100];
      say('successor', current, sequence, next);
      if (isWithdrawn) say('withdraw', next, sequence + 1);
      else {
        say('drop', next, sequence + 2);
        current = next;
      }
    });
    return { steps, newest: current };
  }

  const histories = fc.array(fc.boolean(), { minLength: 1, maxLength: 6 });

  it.each([2, 3, 5])('ends with the newest root and none that was withdrawn, with room for %i', (rootsMax) => {
    fc.assert(
      fc.property(histories, fc.boolean(), fc.array(fc.nat(20)), (withdrawn, connectsAtOnce, strays) => {
        const { steps, newest } = history(withdrawn);
        const served = new Map(steps.map(({ port, named }) => [port, named]));
        served.set(8_881, 1);
        let store: TrustStore = newTrustStore(name(1), 8_881);
        let told = nothingTold(id);
        let connects: Connects = first;
        let at = now;
        const connect = (trial: number | null): void => {
          for (const { port, roots } of attempts(store, rootsMax, trial)) {
            const root = roots.find((each) => rootOf(each) === served.get(port));
            if (root === undefined) continue;
            store = afterConnack(store, { port, root });
            const reopened = rootOf(root) < connects.lastRoot ? at : connects.reopenedAt;
            connects = { ...connects, lastRoot: rootOf(root), reopenedAt: reopened };
            return;
          }
        };
        const stray = (): void => {
          const [oldest] = store.roots.map(({ fingerprint }) => fingerprint);
          if (oldest === undefined || rootOf(oldest) >= connects.lastRoot) return;
          store = afterConnack(store, { port: 8_880 + rootOf(oldest), root: oldest });
          connects = { ...connects, lastRoot: rootOf(oldest), reopenedAt: at };
        };
        for (let visit = 0; visit < 120; visit += 1) {
          told = toldSince(told, connects);
          const next = stepToTell(facts(steps, told, connects, at), 'own');
          if (!next) {
            if (strays.includes(visit)) stray();
            at += 8 * dayMs;
            continue;
          }
          told = afterTelling(told, next.sequence, 'own', at);
          connects = {
            ...connects,
            offered: Math.max(connects.offered, next.kind === 'successor' ? next.sequence : 0),
          };
          const taken = takeStep(store, { step: said(next), verifies: true, port: next.port }, rootsMax);
          if (taken.outcome === 'taken') store = taken.store;
          const code = taken.outcome === 'refused' ? taken.reason : null;
          told = afterAnswer(facts(steps, told, connects, at), next, 'own', code);
          // One that is not in a hurry tries the port at every other visit.
          if (connectsAtOnce || visit % 2 === 1) connect(next.kind === 'successor' ? next.port : null);
          // The port of a newer root is out of reach once, and it comes back on an older one.
          if (strays.includes(visit)) stray();
          at += 8 * dayMs;
        }
        told = toldSince(told, connects);
        expect(newestHeld(facts(steps, told, connects, at), 'own')).toBe(newest);
        expect(store.roots.filter(({ leaving }) => !leaving).map(({ fingerprint }) => rootOf(fingerprint))).toContain(
          newest,
        );
        expect(connects.lastRoot).toBe(newest);
        const given = withdrawn.flatMap((isWithdrawn, index) => (isWithdrawn ? [index + 2] : []));
        const trusted = store.roots.filter(({ leaving }) => !leaving).map(({ fingerprint }) => rootOf(fingerprint));
        expect(trusted.filter((root) => given.includes(root))).toEqual([]);
      }),
    );
  });
});

it('counts a step as announced from its time on until it is not kept any more', () => {
  const kept = step('drop', 2, 1, { announcedFrom: now, keptUntil: now + 1 });
  expect([now - 1, now, now + 1].map((at) => isAnnounced(kept, at))).toEqual([false, true, false]);
});

describe('a control', () => {
  const chosen = { build: 'meter', at: now, sequence: null, answered: false };
  const outstanding = { ...chosen, sequence: 100 };

  it.each<[string, readonly KeptStep[], TrustTold, Connects, KeptStep | null]>([
    [
      'goes with the step that is kept and proved',
      [toSecond],
      { ...keeps(toSecond), control: chosen },
      second,
      toSecond,
    ],
    ['goes to nobody who was not chosen', [toSecond], keeps(toSecond), second, null],
    ['goes out once', [toSecond], { ...keeps(toSecond), control: outstanding }, second, null],
    ['waits for the proof', [toSecond], { ...keeps(toSecond), control: chosen }, first, null],
    ['waits for the next step', [toSecond, toThird], { ...keeps(toSecond), control: chosen }, second, null],
    ['waits for the drop', [toSecond, dropFirst], { ...keeps(toSecond), control: chosen }, second, null],
    [
      'goes to nobody who never said that it keeps the step',
      [toSecond],
      { ...nothingTold(id), control: chosen },
      second,
      null,
    ],
    [
      "is not for a site gateway's word",
      [toSecond],
      { ...nothingTold(id), settled: [{ sequence: 100, stored: true, way: 'carried' }], control: chosen },
      second,
      null,
    ],
    [
      'ends with the step',
      [step('successor', 1, 100, { keptUntil: now })],
      { ...keeps(toSecond), control: chosen },
      second,
      null,
    ],
  ])('%s', (_, steps, told, connects, expected) => {
    expect(stepForControl(facts(steps, told, connects))).toEqual(expected);
  });

  it('is passed by the word that its port cannot be trusted, unless it was connected to', () => {
    const told = { ...keeps(toSecond), control: outstanding };
    const came = (at: number) => ({ verdict: 'does_not_verify', at }) as const;
    const passes = (isRefused: boolean, verdict: TrustRecord['control']) =>
      afterControlAnswer({ told }, isRefused, verdict).isPassed;
    expect(passes(true, null)).toBe(true);
    expect(passes(false, null)).toBe(false);
    expect(passes(true, came(now))).toBe(false);
    expect(passes(true, came(now + 1))).toBe(false);
    // Another firmware may verify what the one before did not.
    expect(passes(true, came(now - 1))).toBe(true);
  });

  it('is what is spoken of until that was answered', () => {
    const told = { ...keeps(toSecond), control: outstanding };
    expect(isAboutControl(facts([toSecond], told, second), toSecond)).toBe(true);
    expect(isAboutControl(facts([toSecond], told, second), toThird)).toBe(false);
    const answered = afterControlAnswer({ told }, false, null).told;
    expect(isAboutControl(facts([toSecond], answered, second), toSecond)).toBe(false);
    expect(isAboutControl(facts([toSecond], { ...told, control: chosen }, second), toSecond)).toBe(false);
  });

  it('keeps no step back, and none is told in its place', () => {
    for (const control of [null, chosen, outstanding, { ...outstanding, answered: true }]) {
      for (const steps of [
        [toSecond],
        [toSecond, toThird],
        [toSecond, withdrawSecond],
        [toSecond, dropFirst, toThird],
      ]) {
        for (const connects of [first, second]) {
          for (const told of [nothingTold(id), keeps(toSecond)]) {
            const plan = (given: TrustTold) => stepToTell(facts(steps, given, connects), 'own');
            expect(plan({ ...told, control })).toEqual(plan(told));
          }
        }
      }
    }
  });
});
