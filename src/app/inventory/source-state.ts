// What the broker remembers of a source between runs, and the alert that stands while a source cannot be relied on.
import { type Loss, withLosses } from '../../domain/reconcile.ts';
import type { Instant } from '../../domain/time.ts';
import type { Reader } from '../../ports/store.ts';
import type { Change } from '../change.ts';

export interface SourceState {
  /** When it was last read, or tried to be. */
  readonly at: Instant;
  readonly outcome: 'good' | 'refused' | 'failed';
  readonly detail: string;
}

const settingOf = (name: string): string => `source.${name}`;
const lossesOf = (name: string): string => `source-losses.${name}`;

/** Null: never read. */
export async function sourceState(read: Reader, name: string): Promise<SourceState | null> {
  const text = await read.setting(settingOf(name));
  return text === null ? null : (JSON.parse(text) as SourceState);
}

/** Remembers how a run ended. While it was not good an alert stands, which is not repeated at every run. */
export async function keepState(within: Change, name: string, state: SourceState): Promise<void> {
  await within.tx.putSetting(settingOf(name), JSON.stringify(state));
  const alert = { kind: 'source_failed', subject: name } as const;
  if (state.outcome === 'good') return within.clearAlert(alert);
  return within.alert({ ...alert, severity: 'warning', detail: state.detail, owner: null });
}

/** What a source has lost: the guard holds it against what it lacks now. */
export async function sourceLosses(read: Reader, name: string): Promise<readonly Loss[]> {
  const text = await read.setting(lossesOf(name));
  return text === null ? [] : (JSON.parse(text) as Loss[]);
}

/** Remembers what a source loses in the change in which it does: a run that is cut off in the middle has lost what it has. */
export async function keepLosses({ tx, now }: Change, name: string, count: number): Promise<void> {
  await tx.putSetting(lossesOf(name), JSON.stringify(withLosses(await sourceLosses(tx, name), count, now)));
}

/** Somebody looked, and it was right: it begins anew. */
export async function settleLosses({ tx }: Change, name: string): Promise<void> {
  await tx.putSetting(lossesOf(name), '[]');
}
