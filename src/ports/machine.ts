// What lies under the broker: its log's output, what the system lets it have, and who else can reach its home.
import type { Descriptors, Exposure, IssuedState, LogState } from '../domain/machine.ts';

export interface Machine {
  /** How the lines of a broker's log get out; null where none runs, or its log is nobody's to watch. */
  log(): LogState | null;
  /** How changes get into the file of issued certificates; null: there is none. */
  issued(): IssuedState | null;
  /** Files and connections the process may have open at a time; null where the system does not say. */
  readonly descriptorLimit: number | null;
  /** Null where the system does not say. */
  descriptors(): Descriptors | null;
  /** Who else can reach into the home, as it is now. */
  exposures(): readonly Exposure[];
}
