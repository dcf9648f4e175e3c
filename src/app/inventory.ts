// Puts principals into the inventory: one by hand, or a file of them, of which all rows are checked before one is written.
import type { Principal, PrincipalId } from '../domain/principal.ts';
import { readRows } from '../wire/inventory-rows.ts';
import { type Change, change } from './change.ts';
import { checkPrincipal } from './check-principal.ts';
import type { App } from './context.ts';
import { type NewDevice, OperationError } from './operations.ts';

/** Faults of an import that are named; the rest is counted. */
const faultsNamedMax = 200;

/** Adds a principal. Rejects with `invalid`, or `conflict` when the id is taken. */
export async function addDevice(app: App, input: NewDevice): Promise<Principal> {
  const checked = checkPrincipal(input, app.settings.policies);
  if (!('principal' in checked)) throw new OperationError('invalid', checked.faults);
  const { principal } = checked;
  return change(app, async (within) => {
    if (await within.tx.principal(principal.id)) {
      throw new OperationError('conflict', [`${principal.id} is in the inventory already`]);
    }
    const fault = await gatewayFault(within, principal, new Map());
    if (fault) throw new OperationError('invalid', [fault]);
    await within.tx.putPrincipal(principal);
    await within.record({
      action: 'device.added',
      message: `${principal.id} added to the inventory, owned by ${principal.owner}`,
      principalId: principal.id,
    });
    return principal;
  });
}

/**
 * Adds and updates principals from CSV (a header line names the columns) or JSON lines. Columns: id, owner, and optionally
 * kind, class, site, gateway, criticality, encoding, modes, maxPacket, slots. Rejects with `invalid` and every fault by its
 * line; then nothing is written. A status is never changed here: decommissioning has consequences of its own.
 */
export async function importDevices(
  app: App,
  input: { readonly format: 'csv' | 'jsonl'; readonly text: string },
): Promise<{ added: number; updated: number }> {
  const { rows, faults } = readRows(input.format, input.text);
  const principals = new Map<PrincipalId, { line: number; principal: Principal }>();
  for (const { line, fields } of rows) {
    const checked = checkPrincipal(fields, app.settings.policies);
    if (!('principal' in checked)) {
      faults.push(...checked.faults.map((fault) => ({ line, fault })));
      continue;
    }
    const { principal } = checked;
    const twin = principals.get(principal.id);
    if (twin) faults.push({ line, fault: `id: ${principal.id} stands already on line ${twin.line}` });
    else principals.set(principal.id, { line, principal });
  }
  return change(app, async (within) => {
    const counts = { added: 0, updated: 0 };
    for (const { line, principal } of principals.values()) {
      const known = await within.tx.principal(principal.id);
      if (known && known.kind !== principal.kind) {
        faults.push({ line, fault: `kind: ${principal.id} is a ${known.kind}; a kind cannot change` });
      }
      const fault = await gatewayFault(within, principal, principals);
      if (fault) faults.push({ line, fault });
      if (faults.length > 0) continue;
      await within.tx.putPrincipal(known ? { ...principal, status: known.status } : principal);
      counts[known ? 'updated' : 'added'] += 1;
    }
    if (faults.length > 0) throw new OperationError('invalid', nameFaults(faults));
    const message = `inventory import: ${counts.added} added, ${counts.updated} updated`;
    await within.record({ action: 'device.imported', message });
    return counts;
  });
}

function nameFaults(faults: readonly { line: number; fault: string }[]): string[] {
  const sorted = [...faults].sort((a, b) => a.line - b.line);
  const named = sorted.slice(0, faultsNamedMax).map(({ line, fault }) => `line ${line}: ${fault}`);
  const rest = faults.length - named.length;
  return rest > 0 ? [...named, `and ${rest} more faults`] : named;
}

/** A principal's gateway must exist, in the inventory or in the same file, and be one. */
async function gatewayFault(
  { tx }: Change,
  principal: Principal,
  beside: ReadonlyMap<PrincipalId, { principal: Principal }>,
): Promise<string | null> {
  if (principal.gateway === null) return null;
  const gateway = beside.get(principal.gateway)?.principal ?? (await tx.principal(principal.gateway));
  if (!gateway) return `gateway: ${principal.gateway} is not in the inventory`;
  return gateway.kind === 'gateway' ? null : `gateway: ${principal.gateway} is a ${gateway.kind}`;
}
