// What the gateway remembers of a source between runs, and the alert that stands while a source cannot be relied on.
import type { Losses } from '../../domain/reconcile.ts';
import type { Instant } from '../../domain/time.ts';
import type { Reader } from '../../ports/store.ts';
import type { Change } from '../change.ts';

export interface SourceState {
  /** When it was last read, or tried to be. */
  readonly at: Instant;
  readonly outcome: 'good' | 'refused' | 'failed';
  readonly detail: string;
  /** Absent: as it was. */
  readonly losses?: Losses | null;
}

const settingOf = (name: string): string => `source.${name}`;

/** Null: never read. */
export async function sourceState(read: Reader, name: string): Promise<SourceState | null> {
  const text = await read.setting(settingOf(name));
  return text === null ? null : (JSON.parse(text) as SourceState);
}

/** Remembers how a run ended. While it was not good an alert stands, which is not repeated at every run. */
export async function keepState(within: Change, name: string, state: SourceState): Promise<void> {
  const losses = state.losses === undefined ? (await sourceState(within.tx, name))?.losses : state.losses;
  await within.tx.putSetting(settingOf(name), JSON.stringify({ ...state, losses: losses ?? null }));
  const alert = { kind: 'source_failed', subject: name } as const;
  if (state.outcome === 'good') return within.clearAlert(alert);
  return within.alert({ ...alert, severity: 'warning', detail: state.detail, owner: null });
}
