// Who is here and how rarely devices come, as the rooms below admission ask it. It is kept by `Presences`.
import type { PrincipalId } from '../domain/principal.ts';
import type { Absence } from '../domain/visits.ts';

export interface Whereabouts {
  isHere(id: PrincipalId): boolean;
  /** When nobody could come. */
  absences(): Promise<readonly Absence[]>;
}

export interface WithWhereabouts {
  readonly presences: Whereabouts;
}

/** Takes note of a device that was heard through its gateway. `answers`: the renewal it spoke about. */
export interface WithHearing {
  readonly presences: { heard(id: PrincipalId, answers: string | null): void };
}
