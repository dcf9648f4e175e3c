// Who still trusts a root that is not to be trusted.
import type { IssuingSlot } from '../../domain/issuing-slots.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { RootLoss } from '../../domain/root-loss.ts';
import type { ExposureStanding } from '../../domain/trust-exposure.ts';
import type { AskedRootView, PreparedRootView } from './trust-roots.ts';

export interface ExposedView extends Pick<Principal, 'kind' | 'owner' | 'class' | 'site' | 'gateway'> {
  readonly id: PrincipalId;
  /** The root under which it connected last; 0: it never connected itself. */
  readonly last: number;
  readonly standing: ExposureStanding;
  /** What is left to do, as a clause. */
  readonly left: string;
}

export interface ExposedPage {
  /** The newest distrusted root that devices may trust; null: there is none. */
  readonly root: number | null;
  readonly principals: readonly ExposedView[];
  /** Where the next page begins; null: this is the last. */
  readonly next: { readonly last: number; readonly id: string } | null;
}

/** A root whose key is lost: what goes on without it, and what is left to do. */
export interface LostKeyView extends RootLoss {
  readonly left: string;
}

/** What was begun to leave a root, and what is left to do, each with its command. */
interface LeavingView {
  /** A next root that was made now, or what is to be signed elsewhere for it. */
  readonly prepared: PreparedRootView | null;
  /** The step of a root that waits to be released. */
  readonly asked: AskedRootView | null;
  readonly left: readonly string[];
}

export interface CompromisedRootView extends LeavingView {
  readonly root: number;
  /** The root that comes first now. */
  readonly current: number;
}

export interface CompromisedIssuingView extends LeavingView {
  readonly number: number;
  /** The root above it, which devices must not trust any more. */
  readonly root: number;
  /** The one that signs now; null: the compromised one does, or it was a former one. */
  readonly replacement: IssuingSlot | null;
}
