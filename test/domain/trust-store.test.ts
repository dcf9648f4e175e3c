import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import type { StepKind, TrustStep } from '../../src/domain/trust-step.ts';
import {
  afterConnack,
  attempts,
  isTaken,
  newestRoot,
  newTrustStore,
  portsHeldMax,
  type StepAnswer,
  type TrustStore,
  takeStep,
} from '../../src/domain/trust-store.ts';

const r = (number: number): Fingerprint => String(number).padStart(64, '0') as Fingerprint;
const der = Uint8Array.of(0x30);

function said(kind: StepKind, by: number, sequence: number, named = by + 1): TrustStep {
  const common = { sequence, signer: r(by) };
  return kind === 'successor' ? { kind, ...common, named: r(named), root: der } : { kind, ...common };
}

const names = (by: number, sequence: number, named = by + 1): TrustStep => said('successor', by, sequence, named);

function answer(store: TrustStore, step: TrustStep, verifies = true, rootsMax = 2, port = 8885): StepAnswer {
  return takeStep(store, { step, verifies, port }, rootsMax);
}

function taken(store: TrustStore, step: TrustStep, rootsMax = 2, port = 8885): TrustStore {
  const given = answer(store, step, true, rootsMax, port);
  if (given.outcome !== 'taken') throw new Error(JSON.stringify(given));
  return given.store;
}

const on = (port: number, root: number) => ({ port, root: r(root) });
const heldIn = ({ roots }: TrustStore) =>
  roots.map(({ fingerprint, leaving }) => `${Number(fingerprint)}${leaving ? '-' : ''}`);

/** Made with root 1, and connected under it. */
const first = afterConnack(newTrustStore(r(1), 8883), on(8883, 1));
/** Told of root 2, and not yet connected under it. */
const staged = taken(first, names(1, 100));
/** Connected under root 2. */
const proven = afterConnack(staged, on(8885, 2));

describe('a device that is told of the next root', () => {
  it('keeps it with its port, and neither is proven', () => {
    expect(heldIn(staged)).toEqual(['1', '2']);
    expect(staged).toMatchObject({ announced: 8885, committed: on(8883, 1), ports: [8883], lastStep: 100 });
    expect(staged.roots.map(({ proven, sequence, broughtBy }) => [proven, sequence, broughtBy])).toEqual([
      [true, 100, 0],
      [false, 0, 100],
    ]);
  });

  it('commits root and port together on CONNACK 0', () => {
    expect(proven).toMatchObject({ announced: null, committed: on(8885, 2), ports: [8885, 8883] });
    expect(heldIn(proven)).toEqual(['1', '2']);
    expect(proven.roots.map((root) => root.proven)).toEqual([true, true]);
  });

  it('takes a root that verified a connection and is not held for nothing', () => {
    expect(afterConnack(staged, on(8885, 3))).toBe(staged);
  });

  it('knows a step that it has taken, whatever else was said since', () => {
    const later = taken(taken(proven, said('drop', 2, 101)), names(2, 102));
    for (const sequence of [100, 102]) expect(isTaken(later, sequence)).toBe(true);
    expect(isTaken(taken(proven, said('drop', 2, 101)), 101)).toBe(true);
    for (const sequence of [0, 99, 103]) expect(isTaken(later, sequence)).toBe(false);
    expect(isTaken(taken(staged, said('withdraw', 2, 90)), 90)).toBe(true);
    expect(isTaken(first, 0)).toBe(false);
  });
});

describe('a device that is made with a spare', () => {
  const made = newTrustStore(r(1), 8883, { roots: [r(2)], ports: [8885] });

  it('holds both, hears the spare alone, and tries each on each port', () => {
    expect(heldIn(made)).toEqual(['1', '2']);
    expect(newestRoot(made).fingerprint).toBe(r(2));
    expect(answer(made, names(1, 200, 3))).toEqual({ outcome: 'refused', reason: 'older_root' });
    expect(attempts(made, 1, null).map(({ port }) => port)).toEqual([8883, 8883, 8885, 8885]);
    expect(attempts(made, 1, null)[0]?.roots).toEqual([r(1)]);
  });
});

describe('a step', () => {
  const refused = (reason: string) => ({ outcome: 'refused', reason });
  const known = { outcome: 'known' };
  const withdrawn = taken(proven, said('withdraw', 2, 90));

  it.each<[string, TrustStore, TrustStep, boolean, object]>([
    ['by a root that is not held', first, names(7, 200), true, refused('unknown_signer')],
    ['that does not verify', first, names(1, 200), false, refused('bad_signature')],
    ['by an older root against a newer', staged, names(1, 200, 3), true, refused('older_root')],
    ['by an older root that would drop a newer', staged, said('drop', 1, 200), true, refused('older_root')],
    ['by an older root that would withdraw', staged, said('withdraw', 1, 200), true, refused('older_root')],
    ['by a root that withdrew', withdrawn, names(2, 200), true, refused('older_root')],
    ['of the sequence of the last', withdrawn, names(1, 100, 3), true, refused('old_sequence')],
    ['of an earlier sequence', withdrawn, names(1, 99, 3), true, refused('old_sequence')],
    ['that names a root that is held', withdrawn, names(1, 200), true, refused('already_held')],
    ['that names an older root', proven, names(2, 200, 1), true, refused('already_held')],
    ['that withdraws the only root', first, said('withdraw', 1, 200), true, refused('last_root')],
    [
      'that withdraws the only root that stays',
      taken(staged, said('drop', 2, 50)),
      said('withdraw', 2, 51),
      true,
      refused('last_root'),
    ],
    ['of a second successor while the first is not proven', staged, names(2, 200), true, refused('no_slot')],
    ['that was taken', staged, names(1, 100), true, known],
    ['that names the next root again', staged, names(1, 200), true, known],
    [
      'that names the spare that it was made with',
      newTrustStore(r(1), 8883, { roots: [r(2)] }),
      names(1, 200),
      true,
      known,
    ],
    [
      'that was taken and cannot be verified any more',
      taken(proven, said('drop', 2, 101)),
      names(1, 100),
      false,
      known,
    ],
    ['to drop that was taken', taken(proven, said('drop', 2, 101)), said('drop', 2, 101), true, known],
  ])('%s is answered so', (_, store, step, verifies, expected) => {
    expect(answer(store, step, verifies)).toEqual(expected);
  });

  it('after the one that is held is taken in order, and not before it', () => {
    expect(answer(first, names(2, 101))).toEqual(refused('unknown_signer'));
    const both = taken(staged, names(2, 101), 3);
    expect(heldIn(both)).toEqual(['1', '2', '3']);
    expect(newestRoot(both).fingerprint).toBe(r(3));
  });

  it('is counted for each signer: a successor may begin below', () => {
    expect(heldIn(taken(proven, said('drop', 2, 1)))).toEqual(['2']);
  });
});

describe('older roots', () => {
  it('go at once where the last connection was under the root that gives them up', () => {
    expect(heldIn(taken(proven, said('drop', 2, 101)))).toEqual(['2']);
  });

  it('else go with the next CONNACK 0 under it, and say nothing more until then', () => {
    const waiting = taken(staged, said('drop', 2, 101));
    expect(heldIn(waiting)).toEqual(['1-', '2']);
    expect(answer(waiting, names(1, 200, 3))).toEqual({ outcome: 'refused', reason: 'older_root' });
    expect(heldIn(afterConnack(waiting, on(8883, 1)))).toEqual(['1-', '2']);
    expect(heldIn(afterConnack(waiting, on(8885, 2)))).toEqual(['2']);
  });

  it('make room for the next successor, but never the one of the last connection', () => {
    const next = taken(proven, names(2, 101));
    expect(heldIn(next)).toEqual(['2', '3']);
    const back = afterConnack(proven, on(8883, 1));
    expect(answer(back, names(2, 101))).toEqual({ outcome: 'refused', reason: 'no_slot' });
  });
});

describe('a spare root that withdraws', () => {
  it('goes, and the root before it speaks again, but says nothing that it has said', () => {
    const back = taken(staged, said('withdraw', 2, 90));
    expect(heldIn(back)).toEqual(['1']);
    expect(heldIn(taken(back, names(1, 200, 3)))).toEqual(['1', '3']);
    expect(answer(back, names(1, 100))).toEqual({ outcome: 'refused', reason: 'old_sequence' });
  });

  it('stays for connections until there was one under another root', () => {
    const waiting = taken(proven, said('withdraw', 2, 90));
    expect(heldIn(waiting)).toEqual(['1', '2-']);
    expect(newestRoot(waiting).fingerprint).toBe(r(1));
    expect(heldIn(afterConnack(waiting, on(8885, 2)))).toEqual(['1', '2-']);
    expect(heldIn(afterConnack(waiting, on(8883, 1)))).toEqual(['1']);
  });
});

describe('attempts to connect', () => {
  const tried = (store: TrustStore, together: number, trial: number | null = null) =>
    attempts(store, together, trial).map(({ port, roots }) => `${port}:${roots.map(Number)}`);

  it('give every root on every port to a stack that takes them together', () => {
    expect(tried(first, 2)).toEqual(['8883:1']);
    expect(tried(staged, 2)).toEqual(['8883:1,2', '8885:2,1']);
    expect(tried(staged, 2, 8885)).toEqual(['8885:2', '8885:1', '8883:1,2']);
    expect(tried(proven, 2)).toEqual(['8885:2,1', '8883:2,1']);
  });

  it('give one root after the other to a stack with one slot, what worked last first', () => {
    expect(tried(staged, 1)).toEqual(['8883:1', '8883:2', '8885:2', '8885:1']);
    expect(tried(staged, 1, 8885)).toEqual(['8885:2', '8885:1', '8883:1', '8883:2']);
    expect(tried(afterConnack(proven, on(8883, 1)), 1)).toEqual(['8883:1', '8883:2', '8885:2', '8885:1']);
  });

  it('on the port of the last connection begin with the newest root where that is the trial', () => {
    expect(tried(staged, 1, 8883)).toEqual(['8883:2', '8883:1', '8885:2', '8885:1']);
  });

  it('come to roots that were given up last', () => {
    expect(tried(taken(staged, said('drop', 2, 101)), 2)).toEqual(['8883:2', '8885:2', '8883:1', '8885:1']);
  });

  it('forget the port that was proven longest ago, and none before there are many', () => {
    const many = [1, 2, 3, 4, 5].reduce((store, port) => afterConnack(store, on(port, 1)), first);
    expect(many.ports).toEqual([5, 4, 3, 2]);
    expect(many.ports).toHaveLength(portsHeldMax);
  });
});

/** What can happen to a device, each root naming fresh ones alone, as a home does. */
type Event =
  | { readonly type: 'step'; readonly step: TrustStep; readonly verifies: boolean }
  | { readonly type: 'connack'; readonly port: number; readonly root: number };

const sequence = fc.integer({ min: 1, max: 12 });
const rootNumber = fc.integer({ min: 1, max: 6 });
const step: fc.Arbitrary<TrustStep> = fc
  .tuple(fc.constantFrom<StepKind>('successor', 'successor', 'drop', 'withdraw'), rootNumber, sequence, rootNumber)
  .map(([kind, by, at, further]) => said(kind, by, at, by + further));
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ type: fc.constant('step' as const), step, verifies: fc.boolean() }),
  fc.record({ type: fc.constant('connack' as const), port: fc.integer({ min: 1, max: 7 }), root: rootNumber }),
);
const events = fc.array(event, { maxLength: 40 });
const rootsMax = fc.integer({ min: 2, max: 4 });

function follow(store: TrustStore, each: Event, most: number): TrustStore {
  if (each.type === 'connack') return afterConnack(store, on(each.port, each.root));
  const given = answer(store, each.step, each.verifies, most, 8_000 + each.step.sequence);
  return given.outcome === 'taken' ? given.store : store;
}

/** Every store on the way, the first one included. */
function walk(all: readonly Event[], most: number): TrustStore[] {
  const stores = [newTrustStore(r(1), 8883)];
  for (const each of all) stores.push(follow(stores.at(-1) ?? first, each, most));
  return stores;
}

describe('whatever a device is sent', () => {
  it('it keeps a root that stays, and one that verified a connection once there was one', () => {
    fc.assert(
      fc.property(events, rootsMax, (all, most) => {
        let wasProven = false;
        for (const store of walk(all, most)) {
          expect(store.roots.some(({ leaving }) => !leaving)).toBe(true);
          expect(store.roots.length).toBeLessThanOrEqual(most);
          const committed = store.roots.find(({ fingerprint }) => fingerprint === store.committed.root);
          expect(committed).toBeDefined();
          wasProven ||= store.roots.some((root) => root.proven);
          expect(committed?.proven).toBe(wasProven);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('nothing that the newest root has not signed changes anything', () => {
    fc.assert(
      fc.property(events, rootsMax, step, fc.boolean(), (all, most, strange, verifies) => {
        const store = walk(all, most).at(-1) ?? first;
        fc.pre(!verifies || strange.signer !== newestRoot(store).fingerprint);
        expect(answer(store, strange, verifies, most).outcome).not.toBe('taken');
      }),
      { numRuns: 1_000 },
    );
  });

  it('replay changes nothing', () => {
    fc.assert(
      fc.property(events, rootsMax, fc.nat(), (all, most, which) => {
        let store = newTrustStore(r(1), 8883);
        const steps: TrustStep[] = [];
        const given = new Set<string>();
        for (const each of all) {
          // A home names no root twice.
          if (each.type === 'step' && each.step.kind === 'successor' && given.has(each.step.named)) continue;
          const after = follow(store, each, most);
          if (each.type === 'step' && after !== store) {
            steps.push(each.step);
            if (each.step.kind === 'successor') given.add(each.step.named);
          }
          store = after;
          const again = steps[which % Math.max(1, steps.length)];
          if (again) expect(answer(store, again, true, most).outcome).not.toBe('taken');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('sequences never fall, and a root goes only while another verified the last connection', () => {
    fc.assert(
      fc.property(events, rootsMax, (all, most) => {
        const stores = walk(all, most);
        for (const [i, before] of stores.slice(0, -1).entries()) {
          const after = stores[i + 1] ?? before;
          for (const root of before.roots) {
            const still = after.roots.find(({ fingerprint }) => fingerprint === root.fingerprint);
            if (still) expect(still.sequence).toBeGreaterThanOrEqual(root.sequence);
            else expect(after.committed.root).not.toBe(root.fingerprint);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('every root that it holds is tried on every port that it knows', () => {
    fc.assert(
      fc.property(events, rootsMax, fc.integer({ min: 1, max: 4 }), (all, most, together) => {
        const store = walk(all, most).at(-1) ?? first;
        const pairs = attempts(store, together, 9_999).flatMap(({ port, roots }) =>
          roots.map((root) => `${port} ${root}`),
        );
        const ports = new Set([9_999, ...store.ports, ...(store.announced === null ? [] : [store.announced])]);
        const all_ = [...ports].flatMap((port) => store.roots.map(({ fingerprint }) => `${port} ${fingerprint}`));
        expect(pairs.toSorted()).toEqual(all_.toSorted());
        expect(store.ports).toContain(store.committed.port);
      }),
    );
  });
});
