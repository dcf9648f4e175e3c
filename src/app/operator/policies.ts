// Operations on policies: what they are, and having them take effect as the configuration has them now.
import { z } from 'zod';
import { explainPolicy, listPolicies } from './explain-policy.ts';
import { idOf } from './named.ts';
import { type OperationsOf, operation } from './operation.ts';
import { reload } from './reload.ts';
import { dryable, id, insistence, nothing } from './shapes.ts';

export const policies = {
  /**
   * Has the policies of the configuration take effect as it is now. Rejects with `invalid` and every fault, and with `conflict` where
   * no broker runs, or where they leave certificates too little time and nobody insists.
   */
  reload: operation(z.strictObject({ ...dryable, ...insistence }), ({ app, reread }, input) =>
    reload(app, reread, input),
  ),
  /** Every class at every criticality. */
  listPolicies: operation(nothing, async ({ app }) => listPolicies(app)),
  /** Which rule gave one principal which value, and what follows from it. */
  explainPolicy: operation(z.strictObject({ id }), async ({ app }, input) => explainPolicy(app, idOf(input.id))),
} satisfies OperationsOf<'policies'>;
