// Which policy a principal is under: that of its class and its criticality.
import type { Policy } from '../domain/policy.ts';
import type { PolicySet, SettledPolicy } from '../domain/policy-set.ts';
import type { Principal } from '../domain/principal.ts';

/** What decides which policy a principal is under. */
export type PolicySubject = Pick<Principal, 'class' | 'criticality'>;

export class Policies {
  #set: PolicySet;

  constructor(set: PolicySet) {
    this.#set = set;
  }

  /** By class and criticality; `default` is always there. */
  get set(): PolicySet {
    return this.#set;
  }

  of(principal: PolicySubject): Policy {
    return this.settled(principal).policy;
  }

  /** With where its values came from. A class the configuration does not know has the default's. */
  settled({ class: className, criticality }: PolicySubject): SettledPolicy {
    const ofClass = this.#set.get(className) ?? this.#set.get('default');
    if (!ofClass) throw new Error('the default policy is missing');
    return ofClass[criticality];
  }

  /** Others hold from now on. */
  replace(set: PolicySet): void {
    this.#set = set;
  }

  /** Every one there is. */
  all(): Policy[] {
    return [...this.#set.values()].flatMap((ofClass) => Object.values(ofClass).map(({ policy }) => policy));
  }
}
