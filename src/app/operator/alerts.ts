// Operations on alerts: what somebody must act on, and who has taken it on.
import { z } from 'zod';
import { acknowledgeAlert, clearAlert, listAlerts, showAlert } from '../oversight/handle-alert.ts';
import { type OperationsOf, operation } from './operation.ts';
import { bounded, limitOf, text } from './shapes.ts';

const named = { kind: text, subject: text };

export const alerts = {
  /** Also rejects with `conflict` for one that is cleared. */
  acknowledgeAlert: operation(z.strictObject({ ...named, by: text }), ({ app }, input) => acknowledgeAlert(app, input)),
  /** What is still so is raised anew at the next look at it. */
  clearAlert: operation(z.strictObject(named), ({ app }, input) => clearAlert(app, input)),
  /** The newest first, or where `after` is given in order of name, after `<kind>/<subject>` (empty: from the first); cleared ones too, unless only `open` ones are asked for. */
  listAlerts: operation(
    z.strictObject({
      kind: text.exactOptional(),
      open: z.boolean().exactOptional(),
      after: z.string().max(1_024).exactOptional(),
      ...bounded,
    }),
    ({ app }, { limit, ...query }) => listAlerts(app, query, limitOf(limit)),
  ),
  showAlert: operation(z.strictObject(named), ({ app }, input) => showAlert(app, input)),
} satisfies OperationsOf<'alerts'>;
