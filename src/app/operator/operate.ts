// The operations, for whoever has them carried out: command line, control socket and every other face call them here. What changes
// something is not carried out for nobody.
import { type Actor, actorFaults } from '../../domain/actor.ts';
import { actingAs } from '../acting.ts';
import { OperationError } from '../operation-error.ts';
import { alerts } from './alerts.ts';
import { broker } from './broker.ts';
import { campaigns } from './campaigns.ts';
import { effectOf, type OperationName, operationNames } from './catalog.ts';
import { certificates } from './certificates.ts';
import { delegations } from './delegations.ts';
import { devices } from './devices.ts';
import { evidence } from './evidence.ts';
import { findings } from './findings.ts';
import { inventory } from './inventory.ts';
import type { Ground, Operation } from './operation.ts';
import { policies } from './policies.ts';
import { renewals } from './renewals.ts';
import { trust } from './trust.ts';

const table = {
  ...devices,
  ...inventory,
  ...delegations,
  ...renewals,
  ...certificates,
  ...campaigns,
  ...alerts,
  ...findings,
  ...policies,
  ...evidence,
  ...trust,
  ...broker,
} satisfies Readonly<Record<OperationName, Operation<unknown, unknown>>>;

type Table = typeof table;

/** What may be left out has no value that must be said. */
type Method<Input, Output> = object extends Input
  ? (input?: Input) => Promise<Output>
  : (input: Input) => Promise<Output>;

/**
 * What an operator can have done. Every method rejects with an OperationError: `invalid` with every fault named, `not_found`, `conflict`.
 * Lists are bounded by `limit` (at most 10,000; default 1,000).
 */
export type Operations = {
  readonly [Name in OperationName]: Table[Name] extends Operation<infer Input, infer Output>
    ? Method<Input, Output>
    : never;
};

/** @param actor who has them carried out; null: nobody says, and then only what changes nothing is carried out. */
export type OperationsFor = (actor: Actor | null) => Operations;

export function operationsOn(ground: Ground): OperationsFor {
  return (actor) => {
    const entries = operationNames.map((name) => [name, (input: unknown) => carryOut(ground, actor, name, input)]);
    return Object.fromEntries(entries) as Operations;
  };
}

async function carryOut(ground: Ground, actor: Actor | null, name: OperationName, input: unknown): Promise<unknown> {
  const { run } = table[name] as Operation<unknown, unknown>;
  if (effectOf(name) === 'reads') return run(ground, input ?? {});
  if (!actor) throw new OperationError('invalid', ['actor: this changes something, and nobody says who does it']);
  const faults = actorFaults(actor);
  if (faults.length > 0) throw new OperationError('invalid', faults);
  return run({ ...ground, app: actingAs(ground.app, actor) }, input ?? {});
}

const faultsMax = 20;

/** What came from outside as the input of an operation. Throws an OperationError `invalid` with what is wrong with its shape. */
export function readInput(name: OperationName, given: unknown): unknown {
  const parsed = table[name].input.safeParse(given ?? {});
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  throw new OperationError(
    'invalid',
    issues.slice(0, faultsMax).map(({ path, message }) => [...path.map(String), message].join(': ')),
  );
}

/** The shape of an operation's input. */
export function shapeOf(name: OperationName): Table[OperationName]['input'] {
  return table[name].input;
}
