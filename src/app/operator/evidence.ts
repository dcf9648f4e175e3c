// The export of records for auditors.
import { z } from 'zod';
import { evidencePartNames, evidence as readEvidence } from '../oversight/evidence.ts';
import { type OperationsOf, operation } from './operation.ts';
import { text } from './shapes.ts';

export const evidence = {
  /** A page of the records behind a framework's controls; go on with its `next`. */
  evidence: operation(
    z.strictObject({
      framework: text,
      from: text,
      to: text,
      controls: z.array(text).max(100).readonly().exactOptional(),
      after: z
        .strictObject({ part: z.enum(evidencePartNames), key: z.string().max(1_024), until: z.int() })
        .exactOptional(),
    }),
    ({ app }, input) => readEvidence(app, input),
  ),
} satisfies OperationsOf<'evidence'>;
