// The steps of roots and what principals were told of them, kept in memory: both are asked for at each hello, and mostly there are none.
import type { PrincipalId } from '../../domain/principal.ts';
import type { KeptStep, TrustTold } from '../../domain/trust-told.ts';
import { KnownRows, rowsKnownMax } from './known-rows.ts';
import type { Tables } from './tables/index.ts';

/** What was told a principal; null: nothing. */
interface Answer {
  readonly id: PrincipalId;
  readonly told: TrustTold | null;
}

export function knownSteps(tables: Tables) {
  const steps = new KnownRows<'all', readonly KeptStep[]>(1, () => 'all', tables.trustSteps);
  const told = new KnownRows<PrincipalId, Answer>(
    rowsKnownMax,
    ({ id }) => id,
    (id) => ({ id, told: tables.trustTold(id) }),
  );
  return {
    all: [steps, told],
    tables: {
      trustSteps: () => steps.get('all') ?? [],
      putTrustStep: (step: KeptStep, bytes: Uint8Array): void => {
        steps.clear();
        tables.putTrustStep(step, bytes);
      },
      forgetTrustStep: (sequence: number): void => {
        steps.clear();
        tables.forgetTrustStep(sequence);
      },
      trustTold: (id: PrincipalId) => told.get(id)?.told ?? null,
      putTrustTold: (known: TrustTold): void => {
        told.forget(known.principalId);
        tables.putTrustTold(known);
        told.found({ id: known.principalId, told: known });
      },
    },
  };
}
