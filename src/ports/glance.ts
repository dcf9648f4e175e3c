// What a broker asks in the middle of a message, where nobody can wait.
import type { Delegation } from '../domain/delegation.ts';
import type { Principal, PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';

/**
 * The few questions that are answered at once, because a broker asks them in the middle of a message: may this gateway hear
 * what is said to that device, or carry its telemetry? Answered by the store itself, mostly from memory: the unit of work that
 * writes an answer anew drops what is remembered of it, so that nobody is given an old one. A store that cannot know throws, and
 * whoever asks then denies.
 */
export interface Glance {
  principal(id: PrincipalId): Principal | null;
  /** Until when a certificate of this principal lets it in, in the past once none does; null: it never had one. */
  litUntil(id: PrincipalId): Instant | null;
  /** As {@link DelegationReader.delegationsFor}. */
  delegationsFor(device: PrincipalId, site: string | null): Delegation[];
  /** Until when this gateway may carry this device's telemetry; null: never. Asked for each message. */
  telemetryUntil(gateway: PrincipalId, device: PrincipalId): Instant | null;
}
