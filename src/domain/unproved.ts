// How somebody stands that has to prove a root and did not, what is left to do, and how many an operator may accept by name.

/** Ids that one list of accepted principals may have. Whoever gives up more takes some out of service first. */
export const acceptedMax = 100_000;

export const unprovedStandings = {
  never_connected: 'it never connected: give it a package for the new root, or take it out of service',
  not_told: 'it is told when it connects and listens; if it does not take steps, give it a package for the new root',
  told: 'it was told and does not say that it keeps the root: see what its firmware reports',
  stored: 'it keeps the root and has not connected under it: see that it can reach the port',
} as const;
export type UnprovedStanding = keyof typeof unprovedStandings;

export interface UnprovedPlace {
  /** The root under which it connected last; 0: it never connected itself. */
  readonly last: number;
  /** The root that it is on its way to; 0: none. */
  readonly next: number;
  readonly isStored: boolean;
}

/** @param root the one that it has to prove. */
export function unprovedStanding({ last, next, isStored }: UnprovedPlace, root: number): UnprovedStanding {
  if (last === 0) return 'never_connected';
  if (next !== root) return 'not_told';
  return isStored ? 'stored' : 'told';
}
