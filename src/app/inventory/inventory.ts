// Puts principals into the inventory: one by hand, or a file of them, of which all rows are checked before one is written.
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { Reader } from '../../ports/store.ts';
import { readRows } from '../../wire/inventory-rows.ts';
import { type Change, change } from '../change.ts';
import type { App } from '../context.ts';
import { Faults } from '../faults.ts';
import { type InventoryFile, type NewDevice, OperationError } from '../operations.ts';
import { allow, checkInsistence } from '../renewal/decide.ts';
import { replanWithin } from '../renewal/due.ts';
import { checkPrincipal } from './check-principal.ts';
import { Claims } from './claims.ts';
import { enterWithin, IdsByCase, twinFault } from './enter.ts';
import { weighImport } from './weigh-import.ts';

/**
 * Adds a principal. Rejects with `invalid`, or `conflict` when the id is taken, or differs from one that is by case alone, or when it takes
 * client ids that others use and nobody insists.
 */
export async function addDevice(app: App, input: NewDevice): Promise<Principal> {
  checkInsistence(input);
  const { force: _, reason: __, by: ___, ...record } = input;
  const checked = checkPrincipal(record, app.policies.set);
  if (!('principal' in checked)) throw new OperationError('invalid', checked.faults);
  const { principal } = checked;
  if (!(await app.store.read.principal(principal.id))) {
    const claims = new Claims();
    await claims.weigh(app, principal.id);
    await allow(app, `the new id ${principal.id}`, claims.objections(), input);
  }
  return change(app, async (within) => {
    if (await within.tx.principal(principal.id)) {
      throw new OperationError('conflict', [`${principal.id} is in the inventory already`]);
    }
    const twin = await twinFault(within.tx, principal.id, new IdsByCase());
    if (twin) throw new OperationError('conflict', [twin]);
    const fault = await gatewayFault(within.tx, principal, new Map());
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
 * Adds and updates principals from CSV (a header line names the columns) or JSON lines, with the fields of an inventory record.
 * Rejects with `invalid` and every fault by its line; then nothing is written. A file of more than {@link wholeRows} rows is
 * written in parts: cut off in the middle, it is imported again. A status is never changed here: decommissioning has consequences of
 * its own.
 */
export async function importDevices(app: App, input: InventoryFile): Promise<{ added: number; updated: number }> {
  checkInsistence(input);
  const read = await readPrincipals(app, input);
  await objectTo(app, read);
  if (read.faults.any) throw new OperationError('invalid', read.faults.named(lineOf));
  await weighImport(app, read, input);
  const principals = [...read.principals.values()];
  const counts = { added: 0, updated: 0 };
  const together = principals.length <= wholeRows ? wholeRows : batchRows;
  for (let from = 0; from < principals.length; from += together) {
    const batch = principals.slice(from, from + together);
    const isLast = from + together >= principals.length;
    await change(app, async (within) => {
      const { added, updated } = await write(within, batch);
      counts.added += added;
      counts.updated += updated;
      if (!isLast) return;
      const message = `inventory import: ${counts.added} added, ${counts.updated} updated`;
      await within.record({ action: 'device.imported', message });
    });
    await app.turns.take();
  }
  return counts;
}

/** A file of so many rows is written in one change, so that a crash leaves none of it or all. */
const wholeRows = 1_000;
/** Rows of a larger one written in one change, each with the due dates that follow from it: what a larger file would hold everybody else up for is spread over several. */
export const batchRows = 100;
/** Rows looked up in the inventory before others have a turn. */
const lookedUpRows = 500;

async function objectTo(app: App, { principals, faults }: Read): Promise<void> {
  const entered = new IdsByCase();
  let checked = 0;
  for (const { line, principal } of principals.values()) {
    for (const fault of await misfits(app.store.read, principal, { principals, entered })) faults.add(line, fault);
    checked += 1;
    if (checked % lookedUpRows === 0) await app.turns.take();
  }
}

async function write(within: Change, batch: readonly { readonly line: number; readonly principal: Principal }[]) {
  const { app, tx } = within;
  const counts = { added: 0, updated: 0 };
  for (const { line, principal } of batch) {
    const known = await tx.principal(principal.id);
    // It was of this kind, or not there, a moment ago.
    if (known && known.kind !== principal.kind) throw new OperationError('conflict', [`${lineOf(line)}: import again`]);
    const kept = known ? { ...principal, status: known.status, source: sourceOf(app, known) } : principal;
    if (known) {
      await tx.putPrincipal(kept);
      await replanWithin(within, known, kept);
    } else await enterWithin(within, kept);
    counts[known ? 'updated' : 'added'] += 1;
  }
  return counts;
}

/** A device whose source is configured no more is one entered by hand, once somebody enters it. */
function sourceOf({ settings }: App, { source }: Principal): string | null {
  return source !== null && settings.sources.has(source) ? source : null;
}

export interface Read {
  readonly principals: Map<PrincipalId, { readonly line: number; readonly principal: Principal }>;
  readonly faults: Faults;
}

/** Reads and checks every row, a batch at a time: a file of a whole fleet holds nobody else up. */
async function readPrincipals(app: App, { format, text }: InventoryFile): Promise<Read> {
  const principals: Read['principals'] = new Map();
  const faults = new Faults();
  for await (const batch of readRows(format, text)) {
    for (const { line, fault } of batch.faults) faults.add(line, fault);
    for (const { line, fields } of batch.rows) {
      const checked = checkPrincipal(fields, app.policies.set);
      if (!('principal' in checked)) {
        for (const fault of checked.faults) faults.add(line, fault);
        continue;
      }
      const { principal } = checked;
      const twin = principals.get(principal.id);
      if (twin) faults.add(line, `id: ${principal.id} stands already on line ${twin.line}`);
      else principals.set(principal.id, { line, principal });
    }
    await app.turns.take();
  }
  return { principals, faults };
}

/** A fault of no line is the whole file's. */
const lineOf = (line: number): string => (line > 0 ? `line ${line}` : '');

type Beside = ReadonlyMap<PrincipalId, { readonly principal: Principal }>;

/** The rows of one file, and the ids in it that are looked at or were already. */
interface File {
  readonly principals: Beside;
  readonly entered: IdsByCase;
}

/** What the inventory objects to in a record, given the rows beside it. */
async function misfits(read: Reader, principal: Principal, { principals, entered }: File): Promise<string[]> {
  const known = await read.principal(principal.id);
  const isOther = known !== null && known.kind !== principal.kind;
  const fault = await gatewayFault(read, principal, principals);
  // A pair that is there already stays: somebody relies on it.
  const twin = known ? null : await twinFault(read, principal.id, entered);
  return [
    ...(isOther ? [`kind: ${principal.id} is a ${known.kind}; a kind cannot change`] : []),
    ...(twin ? [twin] : []),
    ...(fault ? [fault] : []),
  ];
}

/** A principal's gateway must exist, in the inventory or in the same file, and be one. */
async function gatewayFault(read: Reader, principal: Principal, beside: Beside): Promise<string | null> {
  if (principal.gateway === null) return null;
  const gateway = beside.get(principal.gateway)?.principal ?? (await read.principal(principal.gateway));
  if (!gateway) return `gateway: ${principal.gateway} is not in the inventory`;
  return gateway.kind === 'gateway' ? null : `gateway: ${principal.gateway} is a ${gateway.kind}`;
}
