// What lies under the broker and is not its own: where its log goes, how many files and connections it may open, who may write its
// home. What of it must be told, as alerts.
import type { Condition } from './alert.ts';

/** How the lines of the log get out. */
export interface LogState {
  /** Why they do not, in words that stay the same while it is so; null: they do. */
  readonly failure: string | null;
  /** Lines dropped since the process began. */
  readonly dropped: number;
}

/** Well again, it counts as well after this. */
const quietMs = 60_000;

/** Judges the log from one look to the next: what was wrong a moment ago may be so again. */
export class LogJudgement {
  #dropped = 0;
  #isDropping = false;
  #failedAt = Number.NEGATIVE_INFINITY;
  #condition: Condition | null = null;

  /** @param now milliseconds that only go forward. @returns what must be told; null: it is well. */
  judge({ failure, dropped }: LogState, now: number): Condition | null {
    const drops = dropped > this.#dropped;
    this.#dropped = dropped;
    if (failure !== null || drops) {
      this.#failedAt = now;
      this.#isDropping ||= drops;
      const faults = [...(failure === null ? [] : [failure]), ...(this.#isDropping ? ['lines are dropped'] : [])];
      this.#condition = conditionOf(faults.join('; '));
    } else if (now >= this.#failedAt + quietMs) {
      this.#isDropping = false;
      this.#condition = null;
    }
    return this.#condition;
  }
}

/** Files and connections that the process has open, and may have. */
export interface Descriptors {
  readonly open: number;
  readonly limit: number;
}

/** Descriptors that loading the program takes: the modules of a broker are opened side by side, those of most commands are fewer. */
const loadingTakes = { gateway: 256, command: 96 } as const;

/** @returns the line that refuses to load anything where descriptors would run out on the way; null: there are enough. */
export function tooFewDescriptors({ open, limit }: Descriptors, what: keyof typeof loadingTakes): string | null {
  const needed = loadingTakes[what];
  if (limit - open >= needed) return null;
  const much = `this process may have ${limit} files and connections open, and ${needed} are needed to begin`;
  const how = 'LimitNOFILE= in systemd, ulimits in the compose file, ulimit -n in a shell';
  return `${much}: raise the limit (${how}); a gateway needs limits.connections and 2,000 more`;
}

/** What is kept from connections, so that ledger, log, control socket and sinks can open what they need. */
function reserveOf(limit: number): number {
  return Math.min(256, Math.max(32, Math.ceil(limit / 8)));
}

/** HTTP's part of what devices may have: its clients stay for seconds. */
const httpShare = 1 / 8;

export interface DescriptorBounds {
  /**
   * The numbers from which on a new connection is refused, by who listens. A new descriptor has the lowest number that is free. HTTP
   * has some that MQTT has not: a full broker can be looked at.
   */
  readonly mqtt: number;
  readonly http: number;
  /** Connections that HTTP may hold at a time, so that it leaves devices theirs. */
  readonly httpConnections: number;
}

export function descriptorBounds(limit: number): DescriptorBounds {
  const reserve = reserveOf(limit);
  const mqtt = limit - reserve;
  return { mqtt, http: limit - Math.ceil(reserve / 2), httpConnections: Math.floor(mqtt * httpShare) };
}

/** Shares of what connections may have, from which on somebody is told. */
const shortShare = 0.8;
const nearlyOutShare = 0.95;
/** Below this it is over. */
const plentyShare = 0.7;

/** @param stands what is told of now, which stays until there are plenty again. */
export function judgeDescriptors({ open, limit }: Descriptors, stands: Condition | null): Condition | null {
  const share = open / descriptorBounds(limit).mqtt;
  const name = { kind: 'descriptors_short', subject: 'descriptors', owner: null } as const;
  if (share >= nearlyOutShare) {
    const detail = `nearly all of ${limit} file descriptors are in use: connections are refused, or will be soon`;
    return { ...name, severity: 'critical', detail };
  }
  if (share < plentyShare) return null;
  if (share < shortShare) return stands;
  return { ...name, severity: 'warning', detail: `most of ${limit} file descriptors are in use` };
}

/** Somebody who can reach into a home. */
export interface Exposure {
  /**
   * `written`: another user can put files into home or PKI. `linked`: a link leads out. `above`: another user can put another folder in
   * the home's place.
   */
  readonly kind: 'written' | 'linked' | 'above';
  /** One sentence: what is so, and what to do. */
  readonly fault: string;
  /** The same once a start has set it right; absent: a start cannot. */
  readonly healed?: string;
}

/** Exposures named in one alert. */
const exposuresNamed = 5;

export function judgeExposures(exposures: readonly Exposure[]): Condition | null {
  if (exposures.length === 0) return null;
  const named = exposures.slice(0, exposuresNamed).map(({ fault }) => fault);
  const more = exposures.length - named.length;
  const detail = `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
  const severity = exposures.some(({ kind }) => kind === 'written') ? 'critical' : 'warning';
  return { kind: 'home_exposed', subject: 'home', severity, detail, owner: null };
}

function conditionOf(faults: string): Condition {
  const detail = `log lines are not written: ${faults}`;
  return { kind: 'log_unwritable', subject: 'log', severity: 'warning', detail, owner: null };
}

/** How changes get into the file of issued certificates. */
export interface IssuedState {
  /** Why it takes none now; null: it does. */
  readonly failure: string | null;
  /** Changes that are not in it. */
  readonly waiting: number;
}

export function judgeIssued(state: IssuedState | null): Condition | null {
  if (!state || state.failure === null) return null;
  const waits = `changes that wait: ${roundly(state.waiting)}`;
  const detail = `certificates are issued and not recorded in issued.file: ${state.failure}; ${waits}`;
  return { kind: 'issued_unwritable', subject: 'issued', severity: 'warning', detail, owner: null };
}

/** So that an alert does not change with every change. */
function roundly(count: number): string {
  const unit = 10 ** (String(count).length - 1);
  return count < 10 ? String(count) : `${Math.floor(count / unit) * unit} and more`;
}
