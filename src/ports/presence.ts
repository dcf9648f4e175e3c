// How devices come and go.
import type { PrincipalId } from '../domain/principal.ts';
import type { Visits } from '../domain/visits.ts';

/** How a device comes and goes. */
export interface Presence extends Visits {
  readonly principalId: PrincipalId;
}

export interface PresenceReader {
  presence(id: PrincipalId): Promise<Presence | null>;
}

export interface PresenceWriter {
  putPresence(presence: Presence): Promise<void>;
}
