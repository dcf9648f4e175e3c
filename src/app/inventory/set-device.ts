// Changes single fields of one record, with the checks, the weighing and the refusals of an import that says the same.
import { withTold } from '../../domain/reconcile.ts';
import { carrier } from '../dry-run.ts';
import { OperationError } from '../operation-error.ts';
import { checkInsistence } from '../renewal/decide.ts';
import type { DeviceChange, DeviceChangedView } from '../views/devices.ts';
import { checkRecord, inventoryFields } from './check-principal.ts';
import { changesOf, changeWords, gatewayFault, rewriteWithin } from './rewrite.ts';
import { type WeighImportContext, weighRecords } from './weigh-import.ts';

/** Rejects with `invalid`, `not_found`, or `conflict` where the change is refused and nobody insists. */
export async function setDevice(app: WeighImportContext, input: DeviceChange): Promise<DeviceChangedView> {
  checkInsistence(input);
  const { force: _, reason: __, by: ___, dryRun: ____, ...record } = input;
  const { id, told, faults } = checkRecord(record, app.policies.set);
  if (id === null || faults.length > 0) throw new OperationError('invalid', faults);
  if (Object.keys(told).length === 0) {
    const fields = [...inventoryFields].filter((name) => name !== 'id' && name !== 'kind');
    throw new OperationError('invalid', [`nothing to set; name at least one of ${fields.join(', ')}`]);
  }
  const missing = () => new OperationError('not_found', [`${id} is not in the inventory`]);
  if (!(await app.store.read.principal(id))) throw missing();
  const fault = await gatewayFault(app.store.read, told, new Map());
  if (fault) throw new OperationError('invalid', [fault]);
  const row = { told: { ...told, id } };
  await weighRecords(
    app,
    { what: `the change of ${id}`, command: `nolapse device set ${id}`, rows: new Map([[id, row]]) },
    input,
  );
  const carried = carrier(input);
  const view = await carried.run(app, async (within) => {
    const known = await within.tx.principal(id);
    if (!known) throw missing();
    const after = withTold(known, row.told);
    const changed = changesOf(known, after);
    if (await rewriteWithin(within, known, after)) {
      await within.record({
        action: 'device.changed',
        message: `${id}: ${changeWords(changed).join(', ')}, by hand`,
        principalId: id,
      });
    }
    return { ...after, changed };
  });
  return { ...view, ...carried.view() };
}
