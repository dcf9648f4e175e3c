// Operations on single devices, site gateways and services.
import { z } from 'zod';
import { cohorts, criticalities, encodings, keyModes, principalKinds } from '../../domain/principal.ts';
import { decommission, quarantine } from '../inventory/decommission.ts';
import { addDevice } from '../inventory/inventory.ts';
import { issueDevice } from '../inventory/issue-device.ts';
import { setDevice } from '../inventory/set-device.ts';
import { idOf } from './named.ts';
import { type OperationsOf, operation } from './operation.ts';
import { dryable, id, insistence, orEmpty, paged, pageOf, text, wholeOrEmpty } from './shapes.ts';
import { showDevice } from './show-device.ts';

const modes = z.array(z.enum(keyModes)).max(keyModes.length).readonly().exactOptional();

export const devices = {
  /** Rejects with `conflict`, too, where the id takes client ids that others use and nobody insists. */
  addDevice: operation(
    z.strictObject({
      id,
      owner: text,
      kind: z.enum(principalKinds).exactOptional(),
      class: text.exactOptional(),
      site: text.exactOptional(),
      gateway: text.exactOptional(),
      criticality: z.enum(criticalities).exactOptional(),
      encoding: z.enum(encodings).exactOptional(),
      modes,
      maxPacket: z.int().exactOptional(),
      slots: z.int().exactOptional(),
      cohort: z.enum(cohorts).exactOptional(),
      ...insistence,
    }),
    ({ app }, input) => addDevice(app, input),
  ),
  /** Rejects with `conflict` where an import of the same would be refused and nobody insists. */
  setDevice: operation(
    z.strictObject({
      id,
      owner: text.exactOptional(),
      class: text.exactOptional(),
      site: text.exactOptional(),
      gateway: text.exactOptional(),
      criticality: orEmpty(criticalities),
      encoding: orEmpty(encodings),
      modes,
      maxPacket: wholeOrEmpty,
      slots: wholeOrEmpty,
      cohort: orEmpty(cohorts),
      ...insistence,
      ...dryable,
    }),
    ({ app }, input) => setDevice(app, input),
  ),
  issueDevice: operation(
    z.strictObject({ id, rsaBits: z.literal([2_048, 3_072, 4_096]).optional() }),
    ({ app }, input) => issueDevice(app, idOf(input.id), input.rsaBits),
  ),
  decommissionDevice: operation(
    z.strictObject({ id, reason: text.exactOptional(), ...dryable }),
    ({ app }, { reason = '', ...input }) => decommission(app, { ...input, id: idOf(input.id), reason }),
  ),
  quarantineDevice: operation(z.strictObject({ id, release: z.boolean().exactOptional() }), ({ app }, input) =>
    quarantine(app, idOf(input.id), input.release ?? false),
  ),
  /** In order of id. */
  listDevices: operation(
    z.strictObject({
      status: text.exactOptional(),
      kind: text.exactOptional(),
      site: text.exactOptional(),
      owner: text.exactOptional(),
      source: text.exactOptional(),
      ...paged,
    }),
    ({ app }, { after, limit, ...query }) => app.store.read.principals(query, pageOf(after, limit)),
  ),
  showDevice: operation(z.strictObject({ id }), ({ app }, input) => showDevice(app, idOf(input.id))),
} satisfies OperationsOf<'devices'>;
