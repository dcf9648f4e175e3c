// Operations on single devices, site gateways and services.
import { z } from 'zod';
import { namedMax } from '../../domain/access-right.ts';
import { cohorts, criticalities, encodings, keyModes, principalKinds } from '../../domain/principal.ts';
import { decommission, quarantine } from '../inventory/decommission.ts';
import { addDevice } from '../inventory/inventory.ts';
import { issueDevice } from '../inventory/issue-device.ts';
import { packageDevice } from '../inventory/package-device.ts';
import { setDevice } from '../inventory/set-device.ts';
import { OperationError } from '../operation-error.ts';
import { idOf, instantOf } from './named.ts';
import { type OperationsOf, operation } from './operation.ts';
import { dryable, id, insistence, orEmpty, paged, pageOf, text, wholeOrEmpty } from './shapes.ts';
import { showDevice } from './show-device.ts';

const modes = z.array(z.enum(keyModes)).max(keyModes.length).readonly().exactOptional();

const rsaBits = z.literal([2_048, 3_072, 4_096]).optional();
/** Beyond what any configuration reads of a request. */
const csrBase64Max = 131_072;

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
  issueDevice: operation(z.strictObject({ id, rsaBits }), ({ app }, input) =>
    issueDevice(app, idOf(input.id), input.rsaBits),
  ),
  /** `csr`: a PKCS#10 request in DER, base64. It rejects with `invalid` where a key is to be made beside it. */
  packageDevice: operation(
    z.strictObject({
      id,
      csr: z.base64().min(1).max(csrBase64Max).exactOptional(),
      newKey: z.boolean().exactOptional(),
      rsaBits,
    }),
    ({ app }, { id: of, csr, newKey, rsaBits: bits }) => {
      if (csr !== undefined && (newKey === true || bits !== undefined)) {
        throw new OperationError('invalid', ['csr: the device has its key; none is made beside it']);
      }
      const der = csr === undefined ? undefined : new Uint8Array(Buffer.from(csr, 'base64'));
      return packageDevice(app, { id: idOf(of), csr: der, newKey, rsaBits: bits });
    },
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
      class: text.exactOptional(),
      criticality: z.enum(criticalities).exactOptional(),
      /** Whose last certificate ends before this date or time. */
      endsBefore: text.exactOptional(),
      owners: z.array(text).max(namedMax).readonly().exactOptional(),
      sites: z.array(text).max(namedMax).readonly().exactOptional(),
      ...paged,
    }),
    ({ app }, { after, limit, endsBefore, ...rest }) => {
      const query = { ...rest, ...(endsBefore !== undefined && { endsBefore: instantOf('endsBefore', endsBefore) }) };
      return app.store.read.principals(query, pageOf(after, limit));
    },
  ),
  showDevice: operation(z.strictObject({ id }), ({ app }, input) => showDevice(app, idOf(input.id))),
} satisfies OperationsOf<'devices'>;
