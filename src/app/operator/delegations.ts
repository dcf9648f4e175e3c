// Operations on delegations: which site gateway may renew for which devices.
import { z } from 'zod';
import { keyModes } from '../../domain/principal.ts';
import { addDelegation, listDelegations, revokeDelegation } from '../inventory/delegate.ts';
import { idOf } from './named.ts';
import { type OperationsOf, operation } from './operation.ts';
import { dryable, id, paged, pageOf, rowsMax, text } from './shapes.ts';

export const delegations = {
  addDelegation: operation(
    z.strictObject({
      gateway: id,
      devices: z.array(id).max(rowsMax).readonly().exactOptional(),
      site: text.exactOptional(),
      modes: z.array(text).max(keyModes.length).readonly(),
      until: text,
      daily: z.number(),
      telemetry: z.boolean().exactOptional(),
      ...dryable,
    }),
    ({ app }, input) => addDelegation(app, input),
  ),
  revokeDelegation: operation(z.strictObject({ id, ...dryable }), ({ app }, input) => revokeDelegation(app, input)),
  /** In order of id, ended and revoked ones too. */
  listDelegations: operation(
    z.strictObject({ gateway: id.exactOptional(), ...paged }),
    ({ app }, { gateway, after, limit }) =>
      listDelegations(app, gateway === undefined ? null : idOf(gateway), pageOf(after, limit)),
  ),
} satisfies OperationsOf<'delegations'>;
