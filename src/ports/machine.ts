// What lies under the gateway: its log's output, and what the system lets it have.
import type { LogState } from '../domain/machine.ts';

export interface Machine {
  /** How the lines of the log get out. */
  log(): LogState;
}
