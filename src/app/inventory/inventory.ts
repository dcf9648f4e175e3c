// Puts principals into the inventory: one by hand, or a file of them, of which all rows are checked before one is written.
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import { blank, type Told, withTold } from '../../domain/reconcile.ts';
import type { Reader } from '../../ports/store.ts';
import { readRows } from '../../wire/inventory-rows.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { carrier } from '../dry-run.ts';
import { Faults } from '../faults.ts';
import { OperationError } from '../operation-error.ts';
import { allow, checkInsistence } from '../renewal/decide.ts';
import type { WithTurns } from '../turns.ts';
import type { NewDevice } from '../views/devices.ts';
import type { InventoryFile, InventoryImportView } from '../views/inventory.ts';
import { checkRecord, ownerMissing } from './check-principal.ts';
import { Claims } from './claims.ts';
import { enterWithin, IdsByCase, twinFault } from './enter.ts';
import { gatewayFault, rewriteWithin } from './rewrite.ts';
import { type WeighImportContext, weighRecords } from './weigh-import.ts';

/**
 * Adds a principal. Rejects with `invalid`, or `conflict` when the id is taken, or differs from one that is by case alone, or when it takes
 * client ids that others use and nobody insists.
 */
export async function addDevice(
  app: Changing & Pick<Context, 'sessions' | 'policies'>,
  input: NewDevice,
): Promise<Principal> {
  checkInsistence(input);
  const { force: _, reason: __, by: ___, ...record } = input;
  const { id, told, faults } = checkRecord(record, app.policies.set);
  if (!told.owner && !faults.some((fault) => fault.startsWith('owner:'))) faults.push(ownerMissing);
  if (id === null || faults.length > 0) throw new OperationError('invalid', faults);
  const principal = withTold({ ...blank, id, source: null }, { ...told, id });
  if (!(await app.store.read.principal(principal.id))) {
    const claims = new Claims();
    await claims.weigh(app, principal.id);
    await allow(app, { what: `the new id ${id}`, command: `nolapse device add ${id}` }, claims.objections(), input);
  }
  return change(app, async (within) => {
    if (await within.tx.principal(principal.id)) {
      throw new OperationError('conflict', [`${principal.id} is in the inventory already`]);
    }
    const twin = await twinFault(within.tx, principal.id, new IdsByCase());
    if (twin) throw new OperationError('conflict', [twin]);
    const fault = await gatewayFault(within.tx, told, new Map());
    if (fault) throw new OperationError('invalid', [fault]);
    await enterWithin(within, principal);
    await within.record({
      action: 'device.added',
      message: `${principal.id} added to the inventory, owned by ${principal.owner}`,
      principalId: principal.id,
    });
    return principal;
  });
}

/**
 * Adds and updates principals from CSV (a header line names the columns) or JSON lines, with the fields of an inventory record. Of a
 * principal that is there, fields that its row does not name stay as they are. Rejects with `invalid` and every fault by its line; then
 * nothing is written. A file of more than {@link wholeRows} rows is written in parts: cut off in the middle, it is imported again. A
 * status is never changed here: decommissioning has consequences of its own.
 */
export async function importDevices(app: WeighImportContext, input: InventoryFile): Promise<InventoryImportView> {
  checkInsistence(input);
  const read = await readPrincipals(app, input);
  await objectTo(app, read);
  if (read.faults.any) throw new OperationError('invalid', read.faults.named(lineOf));
  await weighRecords(
    app,
    { what: 'an import of devices', command: 'nolapse device import FILE', rows: read.rows },
    input,
  );
  const rows = [...read.rows.values()];
  let counts: Counts = { added: 0, updated: 0, unchanged: 0 };
  const carried = carrier(input);
  const together = rows.length <= wholeRows ? wholeRows : batchRows;
  for (let from = 0; from < rows.length; from += together) {
    const batch = rows.slice(from, from + together);
    const isLast = from + together >= rows.length;
    const before = counts;
    counts = await carried.run(app, async (within) => {
      const sum = sumOf(before, await write(within, batch));
      const message = `inventory import: ${sum.added} added, ${sum.updated} updated, ${sum.unchanged} unchanged`;
      if (isLast) await within.record({ action: 'device.imported', message });
      return sum;
    });
    await app.turns.take();
  }
  return { ...counts, ...carried.view() };
}

type Counts = Pick<InventoryImportView, 'added' | 'updated' | 'unchanged'>;

const sumOf = (one: Counts, other: Counts): Counts => ({
  added: one.added + other.added,
  updated: one.updated + other.updated,
  unchanged: one.unchanged + other.unchanged,
});

/** A file of so many rows is written in one change, so that a crash leaves none of it or all. */
const wholeRows = 1_000;
/** Rows of a larger one written in one change, each with the due dates that follow from it: what a larger file would hold everybody else up for is spread over several. */
export const batchRows = 100;
/** Rows looked up in the inventory before others have a turn. */
const lookedUpRows = 500;

async function objectTo(app: Pick<Context, 'store'> & WithTurns, { rows, faults }: Read): Promise<void> {
  const entered = new IdsByCase();
  let checked = 0;
  for (const { line, told } of rows.values()) {
    for (const fault of await misfits(app.store.read, told, { rows, entered })) faults.add(line, fault);
    checked += 1;
    if (checked % lookedUpRows === 0) await app.turns.take();
  }
}

async function write(
  within: Change<Pick<Context, 'policies' | 'settings'>>,
  batch: readonly Row[],
): Promise<InventoryImportView> {
  const { app, tx } = within;
  const counts = { added: 0, updated: 0, unchanged: 0 };
  for (const { line, told } of batch) {
    const known = await tx.principal(told.id);
    if (!known) {
      // It was there a moment ago, and its row says nothing of whose it is.
      if (!told.owner) throw new OperationError('conflict', [`${lineOf(line)}: import again`]);
      await enterWithin(within, withTold({ ...blank, id: told.id, source: null }, told));
      counts.added += 1;
      continue;
    }
    // It was of this kind, or not there, a moment ago.
    if (known.kind !== (told.kind ?? known.kind)) {
      throw new OperationError('conflict', [`${lineOf(line)}: import again`]);
    }
    const isChanged = await rewriteWithin(within, known, { ...withTold(known, told), source: sourceOf(app, known) });
    counts[isChanged ? 'updated' : 'unchanged'] += 1;
  }
  return counts;
}

/** A device whose source is configured no more is one entered by hand, once somebody enters it. */
function sourceOf({ settings }: Pick<Context, 'settings'>, { source }: Principal): string | null {
  return source !== null && settings.sources.has(source) ? source : null;
}

type Rows = ReadonlyMap<PrincipalId, Row>;

/** What one row of a file says of a principal. */
interface Row {
  readonly line: number;
  readonly told: Told;
}

interface Read {
  readonly rows: Map<PrincipalId, Row>;
  readonly faults: Faults;
}

/** Reads and checks every row, a batch at a time: a file of a whole fleet holds nobody else up. */
async function readPrincipals(
  app: Pick<Context, 'store' | 'policies'> & WithTurns,
  { format, text }: InventoryFile,
): Promise<Read> {
  const rows: Read['rows'] = new Map();
  const faults = new Faults();
  for await (const batch of readRows(format, text)) {
    for (const { line, fault } of batch.faults) faults.add(line, fault);
    for (const { line, fields } of batch.rows) {
      const { id, told, faults: found } = checkRecord(fields, app.policies.set);
      if (id === null || found.length > 0) {
        // Its other faults keep it from being looked at again: what would be found then is said at once.
        if (!found.some((fault) => fault.startsWith('owner:')))
          found.push(...(await ownerFaults(app.store.read, id, told)));
        for (const fault of found) faults.add(line, fault);
        continue;
      }
      const twin = rows.get(id);
      if (twin) faults.add(line, `id: ${id} is already on line ${twin.line}`);
      else rows.set(id, { line, told: { ...told, id } });
    }
    await app.turns.take();
  }
  return { rows, faults };
}

/** A fault of no line is the whole file's. */
const lineOf = (line: number): string => (line > 0 ? `line ${line}` : '');

/** The rows of one file, and the ids in it that are looked at or were already. */
interface File {
  readonly rows: Rows;
  readonly entered: IdsByCase;
}

/** What the inventory objects to in a record, given the rows beside it. */
async function misfits(read: Reader, told: Told, { rows, entered }: File): Promise<string[]> {
  const known = await read.principal(told.id);
  const isOther = known !== null && told.kind !== undefined && known.kind !== told.kind;
  const fault = await gatewayFault(read, told, rows);
  // A pair that is there already stays: somebody relies on it.
  const twin = known ? null : await twinFault(read, told.id, entered);
  return [
    ...(known ? [] : await ownerFaults(read, told.id, told)),
    ...(isOther ? [`kind: ${told.id} is a ${known.kind}; a kind cannot change`] : []),
    ...(twin ? [twin] : []),
    ...(fault ? [fault] : []),
  ];
}

/** Somebody who is new has an owner. One who is known and whose row says nothing of it keeps the one there is. */
async function ownerFaults(read: Reader, id: PrincipalId | null, { owner }: Omit<Told, 'id'>): Promise<string[]> {
  if (owner) return [];
  return id !== null && (await read.principal(id)) ? [] : [ownerMissing];
}
