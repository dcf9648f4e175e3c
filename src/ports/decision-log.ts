// Where decisions are told: one line and one count each. Adapters write the line and keep the count.

/** A decision worth a log line. `fields` use ECS names where ECS has one, `nolapse.*` otherwise, and hold no secrets. */
export interface Decision {
  /** Dotted verb: `admission.refused`, `renewal.issued` ... the closed list is in telemetry. */
  readonly action: string;
  readonly level?: 'debug' | 'info' | 'warn' | 'error';
  readonly reason?: string;
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

export interface DecisionLog {
  tell(decision: Decision): void;
}
