// What an authoritative source changes in the inventory: a difference computed whole before anything is done, and a guard
// against a source that suddenly lacks a part of the fleet.
import type { Principal, PrincipalId } from './principal.ts';

/** A device as the source has it: every field it says nothing of is left as it is. */
export type Told = Pick<Principal, 'id'> &
  Partial<Omit<Principal, 'id' | 'status'>> & { readonly status?: 'active' | 'decommissioned' };

export interface Difference {
  readonly added: readonly Told[];
  readonly changed: readonly { readonly id: PrincipalId; readonly fields: readonly string[]; readonly to: Told }[];
  /** In the inventory, from this source, and gone from it or decommissioned in it. */
  readonly decommissioned: readonly PrincipalId[];
  readonly unchanged: number;
}

/** The rows of the source that the inventory does not agree with. `known`: what this source brought, decommissioned ones left out. */
export function compare(known: Iterable<Principal>, told: ReadonlyMap<PrincipalId, Told>): Difference {
  const changed: { id: PrincipalId; fields: string[]; to: Told }[] = [];
  const decommissioned: PrincipalId[] = [];
  const seen = new Set<PrincipalId>();
  let unchanged = 0;
  for (const principal of known) {
    seen.add(principal.id);
    const row = told.get(principal.id);
    if (!row || row.status === 'decommissioned') {
      decommissioned.push(principal.id);
      continue;
    }
    const fields = differing(principal, row);
    if (fields.length > 0) changed.push({ id: principal.id, fields, to: row });
    else unchanged += 1;
  }
  const added = [...told.values()].filter((row) => !seen.has(row.id) && row.status !== 'decommissioned');
  return { added, changed, decommissioned, unchanged };
}

function differing(principal: Principal, row: Told): string[] {
  return Object.entries(row)
    .filter(([name, value]) => {
      if (name === 'id' || name === 'status' || value === undefined) return false;
      return JSON.stringify(value) !== JSON.stringify(principal[name as keyof Principal]);
    })
    .map(([name]) => name);
}

/**
 * Does the source lack so much of what it brought before that it is more likely wrong than right? @returns the reason, or null.
 * `missingShareMax`: from 0 to 1; one device missing of few is never too much.
 */
export function objectToLoss(difference: Difference, known: number, missingShareMax: number): string | null {
  const missing = difference.decommissioned.length;
  if (missing <= 1 || missing <= known * missingShareMax) return null;
  return `the source lacks ${missing} of ${known} devices, more than ${Math.round(missingShareMax * 100)}%`;
}
