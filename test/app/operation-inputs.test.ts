// What comes from outside as the input of an operation: whatever it is, it has a shape that is taken or faults that are named, and what is
// taken is carried out or refused. Nothing breaks.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { OperationError } from '../../src/app/operation-error.ts';
import { type OperationName, operationNames } from '../../src/app/operator/catalog.ts';
import { type Operations, readInput, shapeOf } from '../../src/app/operator/operate.ts';
import { operationsIn } from '../fakes/tester.ts';
import { type Assembled, assembled } from './assembled.ts';

const keysOf = (name: OperationName): Record<string, z.ZodType> =>
  (shapeOf(name) as unknown as z.ZodObject).shape as never;

/** The faults it was refused for, or null: it was taken. */
function faultsOf(name: OperationName, given: unknown): readonly string[] | null {
  try {
    readInput(name, given);
    return null;
  } catch (error) {
    if (error instanceof OperationError && error.code === 'invalid') return error.faults;
    throw error;
  }
}

const hostile: readonly unknown[] = [
  ...[null, true, false, -1, 0, 0.5, 7, 2_048, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY],
  ...[
    '',
    ' ',
    'x'.repeat(10_000),
    '../../etc/passwd',
    "'; DROP TABLE journal; --",
    '\u0000',
    '\u202e',
    '💧'.repeat(200),
  ],
  ...[
    'device',
    'csv',
    'operate',
    'jsonl',
    'high',
    'cbor',
    'canary',
    'keyCompromise',
    'pump-1',
    'north',
    '1d',
    '2030-01-31',
    'nist-csf-2.0',
  ],
  ...[
    'active',
    'due',
    'clock_moved',
    'shared_key',
    'cmdb',
    'a'.repeat(64),
    'id,owner\npump-2,water\n',
    '{"id":"pump-3"}\n',
  ],
  ...[[], [''], ['csr'], ['pump-1'], Array(20_000).fill('pump-1'), {}, { part: 'journal', key: '1/1', until: 7 }],
  ...[{ part: 'findings', key: '/', until: -1 }, { __proto__: null }, new Map(), () => 7],
];
/** By key: what leads further in, so that not only the first check is met. */
const fitting: Readonly<Record<string, readonly unknown[]>> = {
  id: ['pump-1', 'gate-1'],
  device: ['pump-1'],
  devices: [['pump-1']],
  gateway: ['gate-1'],
  owner: ['water'],
  site: ['north'],
  class: ['default'],
  source: ['cmdb'],
  kind: ['device', 'shared_key', 'clock_moved'],
  state: ['due', 'active'],
  modes: [['csr']],
  until: ['1d'],
  daily: [1],
  framework: ['nist-csf-2.0'],
  from: ['2020-01-01'],
  to: ['2030-01-31'],
  after: [
    { part: 'journal', key: '1/x', until: 7 },
    { part: 'renewals', key: 'x', until: 7 },
    { part: 'findings', key: 'x', until: 7 },
    { last: 1, id: 'pump-1' },
  ],
  withdrawal: [{ name: 'root-2.withdrawal', base64: 'MAA=', passphrase: 'x' }],
  accept: [['pump-1']],
  cohort: ['canary'],
  all: [true],
  days: [30],
  format: ['csv', 'jsonl'],
  permission: ['read', 'admin'],
  name: ['carla'],
  files: [[{ name: 'issuing.crt', base64: 'MAA=' }]],
  step: ['activate', 'retire', 'prepare', 'distribute', 'abort'],
  preparation: ['here', 'made_elsewhere'],
};
const hostileValue = fc.constantFrom(...hostile);

/** A value for some of the keys, each of which its key takes by itself. */
function takenBy(name: OperationName): fc.Arbitrary<Record<string, unknown>> {
  const entries = Object.entries(keysOf(name)).map(([key, shape]) => {
    const taken = hostile.filter((value) => shape.safeParse(value).success);
    const likely = (fitting[key] ?? []).filter((value) => shape.safeParse(value).success);
    const any = taken.length > 0 ? fc.constantFrom(...taken) : fc.constant(undefined);
    const only = taken.length > 0 ? [any] : [];
    const value = likely.length > 0 ? fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...likely) }, ...only) : any;
    return [
      key,
      shape.safeParse(undefined).success || isOptional(shape) ? fc.option(value, { nil: undefined }) : value,
    ] as const;
  });
  return fc.record(Object.fromEntries(entries)).map((found) => {
    const said = Object.entries(found).filter(([, value]) => value !== undefined);
    return Object.fromEntries(said);
  });
}

function isOptional(shape: z.ZodType): boolean {
  return (shape as unknown as { _zod: { optin?: string } })._zod.optin === 'optional';
}

describe('the input of an operation', () => {
  it.each(operationNames)('is taken, or refused with its faults: %s', (name) => {
    const given = fc.oneof(
      fc.anything(),
      hostileValue,
      fc.dictionary(fc.constantFrom(...Object.keys(keysOf(name)), 'extra', 'constructor'), hostileValue),
    );
    fc.assert(
      fc.property(given, (value) => {
        const faults = faultsOf(name, value);
        if (faults) return faults.length > 0 && faults.length <= 20 && faults.every((each) => each.length < 2_000);
        return Object.keys(value ?? {}).every((key) => Object.hasOwn(keysOf(name), key));
      }),
      { numRuns: 300 },
    );
  });

  it.each(operationNames)('has no key that is not known: %s', (name) => {
    fc.assert(
      fc.property(takenBy(name), (input) => {
        expect(faultsOf(name, input)).toBeNull();
        expect(faultsOf(name, { ...input, extra: 1 })).toEqual(['Unrecognized key: "extra"']);
      }),
      { numRuns: 20 },
    );
  });
});

describe('an operation', () => {
  let house: Assembled;
  let folder: string;
  let operations: Operations;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'nolapse-inputs-'));
    const files = { 'fleet.csv': 'id,owner\nmeter-1,water\n' };
    house = await assembled({ yaml: 'sources: { cmdb: { kind: file, path: fleet.csv, every: 365d } }', files });
    operations = operationsIn(house.app);
    await operations.addDevice({ id: 'pump-1', owner: 'water', site: 'north' });
    await operations.addDevice({ id: 'gate-1', owner: 'water', kind: 'gateway' });
  });
  afterAll(async () => {
    await house.close();
    rmSync(folder, { recursive: true });
  });

  it.each(operationNames)('does what it is asked or says why not, whatever it is asked: %s', async (name) => {
    const run = operations[name] as (input: unknown) => Promise<unknown>;
    await fc.assert(
      fc.asyncProperty(takenBy(name), async (input) => {
        // A copy goes where it is told to.
        if (name === 'copyLedger') Object.assign(input, { file: join(folder, 'missing', 'copy.db') });
        try {
          await run(readInput(name, input));
        } catch (error) {
          if (!(error instanceof OperationError)) throw error;
          expect(error.faults.join('').length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 40 },
    );
  });
});
