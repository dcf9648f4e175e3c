// Who a principal is and which delegations name it: asked several times for each message of a site gateway, so what was committed is
// remembered until a principal or a delegation is written.
import type { Delegation } from '../domain/delegation.ts';
import type { Principal, PrincipalId } from '../domain/principal.ts';
import type { Glance } from '../ports/glance.ts';
import { Remembered } from './remembered.ts';

/** Answers of each kind remembered at a time, some 10 MB together. */
export const speakersKeptMax = 8_192;
/** Delegations in one answer that is remembered: nearly every device has one or two. */
const delegationsMax = 4;

/** What the tables hold now. */
export type SpeakerReader = Pick<Glance, 'principal' | 'delegationsFor'>;

export interface Speakers extends SpeakerReader {
  /** A principal or a delegation is about to be written, in a transaction. */
  changed(): void;
  /** Answers that are remembered now. */
  readonly size: number;
}

/** @param isUncommitted is a transaction open? */
export function speakers(tables: SpeakerReader, isUncommitted: () => boolean): Speakers {
  const principals = new Remembered<Principal>(speakersKeptMax, isUncommitted);
  const delegations = new Remembered<Delegation[]>(speakersKeptMax, isUncommitted);
  return {
    principal: (id: PrincipalId) => {
      const before = principals.get(id);
      if (before) return before;
      const principal = tables.principal(id);
      // Ids that nobody has are not remembered: a gateway could make up as many as it likes.
      if (principal) principals.keep(id, principal);
      return principal;
    },
    delegationsFor: (id: PrincipalId, site: string | null) => {
      // No id holds a slash.
      const key = site === null ? id : `${id}/${site}`;
      const before = delegations.get(key);
      if (before) return before;
      const naming = tables.delegationsFor(id, site);
      if (naming.length <= delegationsMax) delegations.keep(key, naming);
      return naming;
    },
    changed: () => {
      principals.forget();
      delegations.forget();
    },
    get size() {
      return principals.size + delegations.size;
    },
  };
}
