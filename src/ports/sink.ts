// Who is told of alerts: a log, a topic, a receiver behind HTTP. What waits for each is kept by the store.
import type { Alert } from '../domain/alert.ts';
import type { WaitingNotification } from './notifications.ts';

/** `refused`: as it is it will never be taken, and is not to be told again. `failed`: it may be later. */
export type SinkAnswer =
  | { readonly kind: 'told' }
  | {
      readonly kind: 'refused' | 'failed';
      readonly detail: string;
      /** For how long it asks to be left alone, in milliseconds, bounded; absent: it asks for nothing. */
      readonly retryAfterMs?: number;
    };

export interface Sink {
  /** How many it can be told at once. */
  readonly batchMax: number;
  /** Tells of these, in their order: of all of them or, as far as is known, of none. Never rejects for what is the other side's doing. */
  tell(waiting: readonly WaitingNotification[], signal: AbortSignal): Promise<SinkAnswer>;
  /** For one that forgets: what is open is told again at this pace. Absent: it needs not be. */
  readonly again?: {
    readonly everyMs: number;
    tell(open: readonly Alert[], signal: AbortSignal): Promise<SinkAnswer>;
  };
}
