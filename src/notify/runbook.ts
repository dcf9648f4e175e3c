// Where whoever reads an alert finds what to do about it: a command that works beside the broker, and a link where one is configured.
import type { AlertKind } from '../domain/alert.ts';

export interface RunbookPlaces {
  readonly command: string;
  /** Null: no base is configured. */
  readonly url: string | null;
}

/** @param base `{kind}` in it stands for the kind; where it is not in it, the kind is the fragment. */
export function runbookOf(kind: AlertKind, base: string | null): RunbookPlaces {
  const url = base?.includes('{kind}') ? base.replaceAll('{kind}', kind) : base && `${base}#${kind}`;
  return { command: `nolapse runbook ${kind}`, url };
}
