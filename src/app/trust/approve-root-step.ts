// The steps of a root that is prepared: what each is called by, whether it may be taken, and how it is carried out. Asked for, and again when
// it is released, everything is checked.
import { inState } from '../../domain/root-slots.ts';
import type { NamedStep, RootStep } from '../../domain/trust-approval.ts';
import { dropSequence } from '../../domain/trust-step.ts';
import type { GivenWithdrawal } from '../../ports/root-cas.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import { OperationError } from '../operation-error.ts';
import { listOf } from './accepted-rest.ts';
import { activateRoot, readyToActivate, wasActivated } from './activate-root.ts';
import type { AskedRootStep } from './asked-root.ts';
import { distributeRoot, readyToDistribute } from './distribute-root.ts';
import { readyToRetire, retireRoot } from './retire-root.ts';
import { conflict, type RootStepsContext } from './root-step.ts';
import { readyToWithdraw, withdrawRoot } from './withdraw-root.ts';

export type LaterStep = Exclude<RootStep, 'prepare'>;

/** What comes with a command beside the name of the step. */
export interface BesideStep {
  /** Ids of principals that are accepted although they stand in the way. */
  readonly accept?: readonly string[] | undefined;
  /** Of the root that is given up. */
  readonly withdrawal?: GivenWithdrawal | undefined;
}

const acceptedIn = ({ accept }: BesideStep): ReadonlySet<string> => new Set(accept);

function withdrawalIn({ withdrawal }: BesideStep): GivenWithdrawal {
  if (withdrawal) return withdrawal;
  throw new OperationError('invalid', ['withdrawal: devices were told of this root; it has to withdraw itself']);
}

const named = (step: LaterStep, { fingerprint: root }: KeptRoot, sequence: number | null): NamedStep => ({
  step,
  sequence: sequence ?? 0,
  root,
});

interface Verb {
  /** What the step is called by, if it may be taken now. */
  readonly name: (app: RootStepsContext, beside: BesideStep) => Promise<NamedStep>;
  /** @returns the root that the step was taken on, as it is now. */
  readonly carryOut: (app: RootStepsContext, beside: BesideStep) => Promise<KeptRoot>;
  /** That root, where it was taken already: done again, it changes nothing. */
  readonly wasTaken: (roots: readonly KeptRoot[]) => KeptRoot | null;
}

const verbs: Readonly<Record<LaterStep, Verb>> = {
  distribute: {
    name: async (app) => {
      const { next } = await readyToDistribute(app);
      return named('distribute', next, next.sequence);
    },
    carryOut: distributeRoot,
    wasTaken: (roots) => {
      const next = inState(roots, 'next');
      return next && next.distributedAt !== null ? next : null;
    },
  },
  activate: {
    name: async (app, beside) => {
      const next = await readyToActivate(app, acceptedIn(beside));
      return named('activate', next, next.sequence);
    },
    carryOut: (app, beside) => activateRoot(app, acceptedIn(beside)),
    wasTaken: wasActivated,
  },
  retire: {
    // What is announced by it is the present root's step.
    name: async (app, beside) => {
      const { current } = await readyToRetire(app, acceptedIn(beside));
      return named('retire', current, dropSequence(current.sequence ?? 0));
    },
    carryOut: (app, beside) => retireRoot(app, acceptedIn(beside)),
    wasTaken: () => null,
  },
  abort: {
    name: async (app, beside) => {
      const { next, sequence } = await readyToWithdraw(app, withdrawalIn(beside));
      return named('abort', next, sequence);
    },
    carryOut: (app, beside) => withdrawRoot(app, withdrawalIn(beside)),
    wasTaken: () => null,
  },
};

/** The step as it is written down until it is released. Rejects with what stands in its way. */
export async function nameStep(app: RootStepsContext, step: LaterStep, beside: BesideStep): Promise<AskedRootStep> {
  const accepted = listOf(acceptedIn(beside));
  return { ...(await verbs[step].name(app, beside)), ...(accepted && { accepted }) };
}

/** The root on which the step was taken before; null: it is still to be taken. */
export async function stepTaken({ store }: RootStepsContext, step: LaterStep): Promise<KeptRoot | null> {
  return verbs[step].wasTaken(await store.read.rootSlots());
}

export function carryOutStep(app: RootStepsContext, step: LaterStep, beside: BesideStep): Promise<KeptRoot> {
  return verbs[step].carryOut(app, beside);
}

/** A release takes the list that was asked for, and no other. @throws OperationError `conflict` where it has another. */
export function requireSameList(asked: AskedRootStep, beside: BesideStep): void {
  const list = listOf(acceptedIn(beside));
  const { accepted } = asked;
  if (list?.sha256 === accepted?.sha256) return;
  const wanted = accepted ? `${accepted.count} ids, SHA-256 ${accepted.sha256}` : 'nobody';
  const given = list ? `${list.count} ids, SHA-256 ${list.sha256}` : 'none';
  throw conflict(`accepted was another list when the step was asked for: ${wanted}; the one given has ${given}`);
}
