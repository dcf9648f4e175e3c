// Operations on what the fleet is looked over for.
import { z } from 'zod';
import type { FindingQuery } from '../../ports/oversight.ts';
import { lookedOverAt } from '../oversight/look-over.ts';
import { lookOverIfCheap, lookOverNow } from '../upkeep/begin-chores.ts';
import { findingKindOf } from './named.ts';
import { type OperationsOf, operation } from './operation.ts';
import { nothing, paged, pageOf, text } from './shapes.ts';

/** A kind has no slash; a subject may. */
function afterAny(after: string | undefined): FindingQuery {
  const [, afterKind, subject] = /^([^/]*)\/(.*)$/s.exec(after ?? '') ?? [];
  return { ...(afterKind !== undefined && { afterKind, after: subject ?? '' }) };
}

export const findings = {
  /** In order of kind and subject. `after` is a subject, or where no kind is named `<kind>/<subject>`. The fleet is looked over first, unless that takes long. */
  listFindings: operation(
    z.strictObject({ kind: text.exactOptional(), ...paged }),
    async ({ app }, { kind, after, limit }) => {
      const page = pageOf(after, limit);
      // What follows belongs to the look that the first page came from.
      if (after === undefined) await lookOverIfCheap(app);
      const query = kind === undefined ? afterAny(after) : { kind: findingKindOf(kind), ...page };
      return app.store.read.findings(query, page.limit);
    },
  ),
  /** Looks the whole fleet over now; how many findings there are of each kind. */
  lookOver: operation(nothing, ({ app }) => lookOverNow(app)),
  /** When the fleet was last looked over; null: never. */
  lookedOver: operation(nothing, async ({ app }) => ({ at: await lookedOverAt(app) })),
} satisfies OperationsOf<'findings'>;
