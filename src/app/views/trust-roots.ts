// What is told of the roots of a home.

import type { PrincipalKind } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { NamedStep } from '../../domain/trust-approval.ts';
import type { UnprovedReason } from '../../domain/trust-proof.ts';
import type { UnprovedStanding } from '../../domain/unproved.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import type { TrustPlace } from '../../ports/trust.ts';
import type { CrossView } from './cross.ts';

export type RootView = KeptRoot;

export interface AskedRootView extends NamedStep {
  /** The principals that were accepted by name; null: nobody. */
  readonly accepted: { readonly count: number; readonly sha256: string } | null;
  /** The command that releases it. */
  readonly release: string;
}

/** What is to be signed elsewhere. */
export interface RootRequestView {
  /** Of the root that it is about. */
  readonly number: number;
  readonly sequence: number;
  /**
   * `root`: a root, and its certificate for the key in the request. `signature`: the present root's, over the text. `drop`: the new root's,
   * over the text of the step in which it drops the older ones.
   */
  readonly wants: 'root' | 'signature' | 'drop';
  /** A PKCS#10 request in PEM, or the text to be signed, byte for byte. */
  readonly text: string;
}

export interface PreparedRootView {
  /** Null: it waits for what is signed elsewhere. */
  readonly root: RootView | null;
  readonly request: RootRequestView | null;
  /** The file in the home that holds the sealed withdrawal of the root: to be moved away. Null: there is none. */
  readonly withdrawal: string | null;
}

export interface RootsView {
  /** When the next one is to be prepared; null: there is one, or it is awaited. */
  readonly prepareAt: Instant | null;
  /** What an operator has to do; null: nothing. */
  readonly due: string | null;
  /** All that there ever were, in order of number. */
  readonly slots: readonly RootView[];
  readonly approval: 'required' | 'none';
  /** Waits to be released. */
  readonly asked: AskedRootView | null;
  /** Waits to be signed elsewhere. */
  readonly awaited: Omit<RootRequestView, 'text'> | null;
  /** The revocation list of each root in use. */
  readonly lists: readonly {
    readonly root: number;
    /** Null: none was signed yet. */
    readonly number: number | null;
    readonly nextUpdate: Instant | null;
    /** Does it wait for a signature from elsewhere? */
    readonly isAsked: boolean;
  }[];
  /** The cross certificate that the first port shows; null: none, as it should be. */
  readonly cross: CrossView | null;
  /** Does one wait for a signature from elsewhere? */
  readonly isCrossAsked: boolean;
  /** Sealed withdrawals that are still in the home. */
  readonly withdrawals: readonly string[];
}

/** Somebody that has to prove a root and did not. */
export interface UnprovedView {
  readonly id: string;
  readonly owner: string | null;
  readonly site: string | null;
  readonly kind: PrincipalKind;
  readonly class: string;
  readonly gateway: string | null;
  /** The root under which it connected last; 0: it never connected. */
  readonly last: number;
  readonly standing: UnprovedStanding;
  /** What it can still do, or somebody for it. */
  readonly left: string;
  /** When it will have proved it, if it goes on coming as it has; null: never, as far as that tells. */
  readonly by: Instant | null;
  /** Why it will not have before the root before ends; null: it will. */
  readonly late: UnprovedReason | null;
}

export interface UnprovedPage {
  /** The root that is to be proved; null: no root is being distributed or retired. */
  readonly root: number | null;
  /** When the root before it ends; null where there is none to be proved. */
  readonly endsAt: Instant | null;
  readonly principals: readonly UnprovedView[];
  /** After which the next page is asked for; null: this was the last. */
  readonly next: TrustPlace | null;
}
