// Operations on renewals: what is being replaced, how far it got, and a push to begin.
import { z } from 'zod';
import { idOf, renewalStateOf } from './named.ts';
import { type OperationsOf, operation } from './operation.ts';
import { runRenewal } from './run-renewal.ts';
import { id, limitOf, paged, text } from './shapes.ts';
import { showRenewal } from './show-renewal.ts';

export const renewals = {
  /** Makes the renewal of a device's certificate due now. */
  runRenewal: operation(z.strictObject({ device: id }), ({ app }, { device }) => runRenewal(app, idOf(device))),
  /** The newest first. */
  listRenewals: operation(
    z.strictObject({ device: text.exactOptional(), state: text.exactOptional(), ...paged }),
    async ({ app }, { device, state, after, limit }) =>
      app.store.read.renewals(
        {
          ...(device !== undefined && { principalId: idOf(device) }),
          ...(state !== undefined && { state: renewalStateOf(state) }),
          ...(after !== undefined && { after }),
        },
        limitOf(limit),
      ),
  ),
  showRenewal: operation(z.strictObject({ id }), ({ app }, input) => showRenewal(app, input.id)),
} satisfies OperationsOf<'renewals'>;
