// What a device holds of roots and ports, takes of steps and tries, by src/domain/trust-store.ts, whatever happens in whatever order: to be
// held against a device that decides the same in another language. Each happening is a line of text, and so is each answer.
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Fingerprint } from '../../../src/domain/certificate.ts';
import { stepKinds, type TrustStep } from '../../../src/domain/trust-step.ts';
import { afterConnack, attempts, newTrustStore, type TrustStore, takeStep } from '../../../src/domain/trust-store.ts';

const roots = [1, 2, 3, 4] as const;
const ports = [8883, 8884, 8885, 8886] as const;
export const [firstPort] = ports;

/** The name of a root in these stories. */
export const named = (root: number): Fingerprint => root.toString(16).padStart(2, '0').repeat(32) as Fingerprint;
export const numberOf = (root: Fingerprint): number => Number.parseInt(root.slice(0, 2), 16);

export type Happening =
  | { readonly what: 'take'; readonly step: TrustStep; readonly verifies: boolean; readonly port: number }
  | { readonly what: 'connack'; readonly port: number; readonly root: number }
  | { readonly what: 'attempts'; readonly trial: number | null };

const aRoot = fc.constantFrom(...roots);
const aPort = fc.constantFrom(...ports);
const aStep: fc.Arbitrary<TrustStep> = fc
  .record({
    kind: fc.constantFrom('successor', 'successor', 'successor', 'drop', 'withdraw'),
    sequence: fc.integer({ min: 1, max: 9 }),
    signer: aRoot,
    successor: aRoot,
  })
  .filter(({ kind, signer, successor }) => kind !== 'successor' || signer !== successor)
  .map(({ kind, sequence, signer, successor }) => {
    const said = { sequence, signer: named(signer) };
    if (kind !== 'successor') return { kind: kind as 'drop' | 'withdraw', ...said };
    return { kind, ...said, named: named(successor), root: new Uint8Array(1) } as TrustStep;
  });
const aHappening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('take' as const),
      step: aStep,
      verifies: fc.integer({ max: 9, min: 0 }).map((roll) => roll > 0),
      port: aPort,
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('connack' as const), port: aPort, root: aRoot }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant('attempts' as const), trial: fc.option(aPort) }),
  },
);

/** `take KIND SEQUENCE SIGNER NAMED VERIFIES PORT`, `connack PORT ROOT`, or `attempts TRIAL GIVEN`; all numbers. */
export function line(happening: Happening): string {
  switch (happening.what) {
    case 'take': {
      const { step, verifies, port } = happening;
      const other = step.kind === 'successor' ? step.named : step.signer;
      const [kind, signer] = [stepKinds[step.kind], numberOf(step.signer)];
      return `take ${kind} ${step.sequence} ${signer} ${numberOf(other)} ${verifies ? 1 : 0} ${port}`;
    }
    case 'connack':
      return `connack ${happening.port} ${happening.root}`;
    case 'attempts':
      return `attempts ${happening.trial ?? 0} ${firstPort}`;
  }
}

/** An answer, and what is held after it. */
function shown(answer: string, store: TrustStore): string {
  const held = store.roots.map(
    ({ fingerprint, leaving, sequence, broughtBy }) =>
      `${numberOf(fingerprint)}${leaving ? '-' : ''}:${sequence}:${broughtBy}`,
  );
  const { committed, announced, lastStep } = store;
  const last = `announced ${announced ?? 0} committed ${committed.port}/${numberOf(committed.root)} last ${lastStep}`;
  return [answer, ...held, 'ports', ...store.ports, last].join(' ');
}

/** What the model makes of it, and what is held then. */
function after(store: TrustStore, happening: Happening, together: number): [string, TrustStore] {
  switch (happening.what) {
    case 'take': {
      const { step, verifies, port } = happening;
      const isHeld = store.roots.some(({ fingerprint }) => fingerprint === step.signer);
      const answer = takeStep(store, { step, verifies: verifies && isHeld, port }, 2);
      const held = answer.outcome === 'taken' ? answer.store : store;
      return [shown(answer.outcome === 'refused' ? answer.reason : answer.outcome, held), held];
    }
    case 'connack': {
      const held = afterConnack(store, { port: happening.port, root: named(happening.root) });
      return [shown('connected', held), held];
    }
    case 'attempts': {
      const all = attempts(store, together, happening.trial);
      const tried = all.map(({ port, roots: each }) => `${port}/${each.map(numberOf).join(',')}`);
      return [['attempts', ...tried].join(' '), store];
    }
  }
}

/** The answers that the model gives. @param together roots that TLS is given at once. */
export function expected(happenings: readonly Happening[], together: number): string[] {
  let store = newTrustStore(named(1), firstPort);
  const answers: string[] = [];
  for (const happening of happenings) {
    const [answer, held] = after(store, happening, together);
    answers.push(answer);
    store = held;
  }
  return answers;
}

/** Stories of up to `happeningsMax` happenings, the same at each run. */
export function stories(seed: number, numRuns: number, happeningsMax = 40): readonly (readonly Happening[])[] {
  return fc.sample(fc.array(aHappening, { minLength: 1, maxLength: happeningsMax }), { seed, numRuns });
}

/** The stories must have led to each answer that there is. */
export function expectEachAnswer(lines: Iterable<string>): void {
  const refusals = [
    'unknown_signer',
    'bad_signature',
    'older_root',
    'old_sequence',
    'already_held',
    'last_root',
    'no_slot',
  ];
  const seen = new Set([...lines].map((each) => each.split(' ')[0] ?? ''));
  expect([...seen].sort()).toEqual([...refusals, 'taken', 'known', 'connected', 'attempts'].sort());
}
