// What is told of the CAs of a home.
import type { AskedStep, IssuingSlot } from '../../domain/issuing-slots.ts';
import type { Instant } from '../../domain/time.ts';
import type { DistrustedRoot } from '../../domain/trust-exposure.ts';
import type { LostKeyView } from './trust-exposure.ts';
import type { RootsView } from './trust-roots.ts';
import type { SharesView } from './trust-shares.ts';

export type IssuingSlotView = IssuingSlot;

export interface AskedStepView extends AskedStep {
  /** The command that releases it. */
  readonly release: string;
}

export interface PreparedView {
  readonly slot: IssuingSlotView;
  /** DER of a PKCS#10 request in base64, where its certificate is to be signed elsewhere. */
  readonly request: string | null;
}

export interface DeadlineView {
  readonly subject: string;
  readonly endsAt: Instant;
  /** From when on somebody is warned; null: nobody is. */
  readonly warnAt: Instant | null;
  readonly level: 'ok' | 'warning' | 'error';
  readonly detail: string;
}

export interface TrustView {
  readonly issuing: {
    /** Those in a slot, in order of number. */
    readonly slots: readonly (IssuingSlotView & {
      /** Of a former one: from when on none of its certificates is in use. */
      readonly unusedFrom: Instant | null;
    })[];
    /** Those that are over, the newest first. */
    readonly ended: readonly IssuingSlotView[];
    readonly approval: 'required' | 'none';
    /** When the next one is to be prepared, and when it is needed. */
    readonly prepareAt: Instant | null;
    readonly neededAt: Instant | null;
    /** Waits to be released. */
    readonly asked: AskedStepView | null;
    /** What an operator has to do; null: nothing. */
    readonly due: string | null;
  };
  readonly root: { readonly notAfter: Instant; readonly hasKey: boolean };
  readonly roots: RootsView;
  /** Everything that the broker depends on and that ends, the first to end first. */
  readonly deadlines: readonly DeadlineView[];
  /** How far the fleet is from one root to the next; null: no rollover of a root is under way. */
  readonly shares: SharesView | null;
  /** Roots in use whose keys are lost. */
  readonly lost: readonly LostKeyView[];
  /** Roots that are not to be trusted, though devices may. */
  readonly distrusted: readonly DistrustedRoot[];
}
