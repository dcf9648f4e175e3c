// What changes of the inventory's records are given, and what they answer.
import type { KeyMode } from '../domain/policy.ts';
import type { Criticality, Encoding, Principal } from '../domain/principal.ts';
import type { Cohort } from '../domain/rollout.ts';
import type { Dryable, DryRunView, Insistence } from './decision-views.ts';

export interface InventoryImportView {
  readonly added: number;
  readonly updated: number;
  /** Of the rows, those that say what is so already. */
  readonly unchanged: number;
  readonly dryRun?: DryRunView;
}

/**
 * What is to change of a record, in the fields of one: absent, it stays; empty (`''`, or no key modes), it is what a record is of which
 * nothing is said.
 */
export interface DeviceChange extends Insistence, Dryable {
  readonly id: string;
  readonly owner?: string;
  readonly class?: string;
  readonly site?: string;
  readonly gateway?: string;
  readonly criticality?: Criticality | '';
  readonly encoding?: Encoding | '';
  readonly modes?: readonly KeyMode[];
  readonly maxPacket?: number | '';
  readonly slots?: number | '';
  readonly cohort?: Cohort | '';
}

/** The record as it is now, and the fields that are others than before, each with what it was; none: it was so already. */
export interface DeviceChangedView extends Principal {
  readonly changed: readonly { readonly field: string; readonly from: string; readonly to: string }[];
  readonly dryRun?: DryRunView;
}
