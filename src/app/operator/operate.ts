// The operations, for whoever has them carried out: command line, control socket and every other face call them here. What changes
// something is not carried out for nobody.

import { allows, isUnlimited } from '../../domain/access-right.ts';
import { type Actor, actorFaults } from '../../domain/actor.ts';
import { guardedStore } from '../access/guarded-store.ts';
import { actingAs } from '../acting.ts';
import { OperationError } from '../operation-error.ts';
import type { Caller } from '../views/access.ts';
import { access } from './access.ts';
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
import { permissionOf } from './permissions.ts';
import { policies } from './policies.ts';
import { runWithin } from './reach.ts';
import { renewals } from './renewals.ts';
import { trust } from './trust.ts';
import { type Expected, expecting } from './version-of.ts';

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
  ...access,
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

/**
 * @param actor who has them carried out; null: nobody says, and then only what changes nothing is carried out.
 * @param caller who asks over the HTTP API, whose right bounds what is shown and changed: rejects with `forbidden`. Absent: somebody on the
 * gateway itself, who may do everything.
 * @param expected the version of a record that is to be changed: rejects with `stale` where it is another now. Absent: any.
 */
export type OperationsFor = (actor: Actor | null, caller?: Caller, expected?: Expected) => Operations;

export function operationsOn(at: Omit<Ground, 'caller'>): OperationsFor {
  return (actor, caller, expected) => {
    const app = expected ? { ...at.app, store: expecting(at.app.store, expected) } : at.app;
    const ground = { ...at, app, caller: caller ?? null };
    const entries = operationNames.map((name) => [name, (input: unknown) => carryOut(ground, actor, name, input)]);
    return Object.fromEntries(entries) as Operations;
  };
}

async function carryOut(ground: Ground, actor: Actor | null, name: OperationName, input: unknown): Promise<unknown> {
  if (ground.caller) requirePermission(name, ground.caller);
  if (effectOf(name) === 'reads') return runFor(ground, name, input);
  if (!actor) throw new OperationError('invalid', ['actor: this changes something, and nobody says who does it']);
  const faults = actorFaults(actor);
  if (faults.length > 0) throw new OperationError('invalid', faults);
  return runFor({ ...ground, app: actingAs(ground.app, actor) }, name, input);
}

function requirePermission(name: OperationName, { credential }: Caller): void {
  const wanted = permissionOf[name];
  if (wanted === 'local') throw new OperationError('forbidden', ['this is done on the gateway itself alone']);
  if (!allows(credential, wanted)) {
    throw new OperationError('forbidden', [
      `this takes the permission ${wanted}, and the credential has ${credential.permission}`,
    ]);
  }
}

/** Within the right of whoever asks, whose changes are held against it in their transactions. */
function runFor(ground: Ground, name: OperationName, input: unknown): Promise<unknown> {
  const { run } = table[name] as Operation<unknown, unknown>;
  const right = ground.caller?.credential;
  if (!right || isUnlimited(right)) return run(ground, input ?? {});
  const guarded = { ...ground, app: { ...ground.app, store: guardedStore(ground.app.store, [right]) } };
  const within = { ground, right, input: (input ?? {}) as Readonly<Record<string, unknown>> };
  return runWithin(name, { ...within, run: (given) => run(guarded, given) });
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
