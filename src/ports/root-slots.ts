// The slots of roots as the ledger keeps them. Their certificates, and the keys that are here, are files.
import type { RootSlot } from '../domain/root-slots.ts';
import type { Instant } from '../domain/time.ts';

/** A root in its slot, with what its steps have left to know. */
export interface KeptRoot extends RootSlot {
  /** The port that serves its chain alone while it is the next; null: the first root, which never was. */
  readonly port: number | null;
  /** Sequence of the step in which the root before names it; null: nobody does. */
  readonly sequence: number | null;
  /** When the newest confirmed backup that has it was made; null: none is confirmed. */
  readonly backupAt: Instant | null;
  /** When it was retired or aborted. */
  readonly endedAt: Instant | null;
}

/** Roots of one home, ended ones counted. A home has some in its life: a limit for those that are aborted one after the other. */
export const keptRootsMax = 1_000;

export interface RootSlotReader {
  /** All that there ever were, in order of number. */
  rootSlots(): Promise<KeptRoot[]>;
  /** The bytes of the step that names this root, as devices fetch them; null: there is none. */
  rootStep(number: number): Promise<Uint8Array | null>;
}

export interface RootSlotWriter {
  /**
   * Enters or changes a slot. The step that names it is kept from when it is entered: `step` counts only where the root is new. Fails with
   * NolapseError `conflict` where another one is in the slot `next`, `current` or `former`, or has the same fingerprint or sequence.
   */
  putRootSlot(slot: KeptRoot, step?: Uint8Array): Promise<void>;
}
