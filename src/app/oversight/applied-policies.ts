// The policies that the due dates in the ledger were computed with: what a start compares the configuration with.

import type { Policy } from '../../domain/policy.ts';
import type { PolicySet, SettledPolicy } from '../../domain/policy-set.ts';
import { type Criticality, criticalities } from '../../domain/principal.ts';
import type { Reader, Transaction } from '../../ports/store.ts';
import { Policies } from '../policies.ts';

const settingName = 'applied-policies';

type Kept = readonly (readonly [string, Readonly<Record<Criticality, Policy>>])[];

/** Null: a home is new, or from before this was kept. */
export async function appliedPolicies(read: Reader): Promise<Policies | null> {
  const text = await read.setting(settingName);
  if (text === null) return null;
  const settled = (policy: Policy): SettledPolicy => ({ policy, origins: [] });
  const set: PolicySet = new Map(
    (JSON.parse(text) as Kept).map(([name, of]) => [
      name,
      Object.fromEntries(criticalities.map((each) => [each, settled(of[each])])) as Record<Criticality, SettledPolicy>,
    ]),
  );
  return new Policies(set);
}

export async function keepApplied(tx: Transaction, set: PolicySet): Promise<void> {
  const kept = [...set].map(([name, of]) => [
    name,
    Object.fromEntries(criticalities.map((criticality) => [criticality, of[criticality].policy])),
  ]);
  await tx.putSetting(settingName, JSON.stringify(kept));
}
