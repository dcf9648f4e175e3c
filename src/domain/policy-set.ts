// Every policy of a fleet, by class and criticality, and for each of its values the rule that gave it.
import type { Policy } from './policy.ts';
import type { Criticality } from './principal.ts';

/**
 * Where a value may be written, in order: the first that says it decides. A class knows what its devices can do; a criticality says how
 * careful to be where no class of its own says otherwise, the class `default` not being one.
 */
export const policyRules = ['class', 'criticality', 'default', 'built-in'] as const;
export type PolicyRule = (typeof policyRules)[number];

/** What one rule says. */
export interface PolicySaying {
  readonly rule: PolicyRule;
  /** As it is written. */
  readonly text: string;
}

/** Where a value came from. */
export interface PolicyOrigin extends PolicySaying {
  /** The key of the configuration. */
  readonly key: string;
  /** What a built-in value was cut down to that gave way to a shorter life, in milliseconds; null: it stands as it is written. */
  readonly cutToMs: number | null;
  /** What rules further down say, in their order. */
  readonly overruled: readonly PolicySaying[];
}

export interface SettledPolicy {
  readonly policy: Policy;
  /** Of every key, in the order of the reference. */
  readonly origins: readonly PolicyOrigin[];
}

/** By class, `default` always among them, and in it by criticality. */
export type PolicySet = ReadonlyMap<string, Readonly<Record<Criticality, SettledPolicy>>>;
