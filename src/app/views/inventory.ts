// Files and sources of the inventory: what is given, and what comes of it.
import type { Dryable, DryRunView, Insistence } from './decisions.ts';

export interface InventoryFile extends Insistence, Dryable {
  readonly format: 'csv' | 'jsonl';
  /** UTF-8, whole or as it is read. */
  readonly text: string | AsyncIterable<Uint8Array>;
}

export interface InventoryImportView {
  readonly added: number;
  readonly updated: number;
  /** Of the rows, those that say what is so already. */
  readonly unchanged: number;
  readonly dryRun?: DryRunView;
}

export interface SourceView {
  readonly name: string;
  readonly everyMs: number;
  /** Null: never read. */
  readonly state: {
    readonly at: number;
    readonly outcome: 'good' | 'refused' | 'failed';
    readonly detail: string;
  } | null;
}

export interface ReconcileRequest extends Insistence {
  readonly source: string;
  /** Only show what would be done. */
  readonly dryRun?: boolean;
  /** Go on although the source lacks more than it may. */
  readonly acceptLoss?: boolean;
  /** Devices entered by hand that the source has become its own. */
  readonly takeOver?: boolean;
  /** Devices of this source that the source has become its own: it was renamed, or they have moved. */
  readonly takeOverFrom?: string;
  /** Devices named of each sort. */
  readonly limit?: number;
}

export interface ReconcileReport {
  readonly source: string;
  readonly applied: boolean;
  /** Why it is refused; null: it is not. */
  readonly objection: string | null;
  /** Does it take `acceptLoss` to go on? */
  readonly loses: boolean;
  /** Does it take `force` and a reason to go on? */
  readonly insist: boolean;
  /** Certificates in use that it leaves too little time to be replaced, and devices whose site gateway it takes. */
  readonly short: number;
  /** Client ids that others use and that it takes. */
  readonly claimed: number;
  readonly counts: Readonly<
    Record<'added' | 'changed' | 'decommissioned' | 'unchanged' | 'conflicts' | 'unsourced', number>
  >;
  readonly added: readonly string[];
  readonly changed: readonly {
    readonly id: string;
    readonly fields: readonly { readonly name: string; readonly from: unknown; readonly to: unknown }[];
  }[];
  readonly decommissioned: readonly string[];
  /** Devices in the inventory, not decommissioned, that no source has. Nothing is done about them. */
  readonly unsourced: readonly string[];
  /** Left alone. */
  readonly conflicts: readonly { readonly id: string; readonly detail: string }[];
}
