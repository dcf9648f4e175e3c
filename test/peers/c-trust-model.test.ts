// What the C client holds of roots and ports, takes of steps and tries, is what src/domain/trust-store.ts says, whatever happens in whatever
// order.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import { stepKinds, type TrustStep } from '../../src/domain/trust-step.ts';
import { afterConnack, attempts, newTrustStore, type TrustStore, takeStep } from '../../src/domain/trust-store.ts';
import { cAbsent } from './c-build.ts';

const roots = [1, 2, 3, 4] as const;
const ports = [8883, 8884, 8885, 8886] as const;
const [firstPort] = ports;

const named = (root: number): Fingerprint => root.toString(16).padStart(2, '0').repeat(32) as Fingerprint;
const numberOf = (root: Fingerprint): number => Number.parseInt(root.slice(0, 2), 16);

type Happening =
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

function line(happening: Happening): string {
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

function expected(happenings: readonly Happening[], together: number): string[] {
  let store = newTrustStore(named(1), firstPort);
  const answers: string[] = [];
  for (const happening of happenings) {
    const [answer, held] = after(store, happening, together);
    answers.push(answer);
    store = held;
  }
  return answers;
}

let built: string;
beforeAll(() => {
  if (cAbsent) return;
  built = mkdtempSync(join(tmpdir(), 'nolapse-model-'));
  const [model, trust] = [resolve('test/peers/trust-model.c'), resolve('examples/c/trust.c')];
  const flags = ['-std=c11', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined'];
  for (const together of [1, 2]) {
    const words = [...flags, `-DROOTS_TOGETHER=${together}`, `-I${resolve('examples/c')}`, model, trust];
    const { status, stderr } = spawnSync('gcc', [...words, '-o', join(built, String(together))], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  }
});
afterAll(() => {
  if (!cAbsent) rmSync(built, { recursive: true });
});

describe.skipIf(cAbsent)('the roots of the C client', () => {
  it.each([1, 2])('are what the model holds, with %i of them for TLS at once', (together) => {
    const seen = new Set<string>();
    const all = fc.sample(fc.array(aHappening, { minLength: 1, maxLength: 40 }), { seed: together, numRuns: 3_000 });
    const input = all.map((happenings) => ['new 1 8883', ...happenings.map(line)].join('\n')).join('\n');
    const { stdout, stderr } = spawnSync(join(built, String(together)), {
      input: `${input}\n`,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    expect(stderr).toBe('');
    const printed = stdout.split('\n').values();
    for (const happenings of all) {
      printed.next();
      const lines = happenings.map(() => printed.next().value ?? '');
      for (const each of lines) seen.add(each.split(' ')[0] ?? '');
      expect(lines, happenings.map(line).join('\n')).toEqual(expected(happenings, together));
    }
    const refusals = [
      'unknown_signer',
      'bad_signature',
      'older_root',
      'old_sequence',
      'already_held',
      'last_root',
      'no_slot',
    ];
    expect([...seen].sort()).toEqual([...refusals, 'taken', 'known', 'connected', 'attempts'].sort());
  });
});
