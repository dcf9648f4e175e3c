// All there is of a home: what verbs work with, and what has state. Only the composition root makes it; operations reach all of it.
import type { Contests } from '../admission/contests.ts';
import type { Disconnections } from '../admission/disconnections.ts';
import type { Knocks } from '../admission/knocks.ts';
import type { Presences } from '../admission/presences.ts';
import type { RootChanges } from '../admission/root-changes.ts';
import type { TroubledAddresses } from '../admission/troubled-addresses.ts';
import type { Chores } from '../chores.ts';
import type { Context } from '../context.ts';
import type { Asked } from '../enrollment/asked.ts';
import type { Refusals } from '../enrollment/refusals.ts';
import type { Rounds } from '../enrollment/rounds.ts';
import type { Throttles } from '../enrollment/throttle.ts';
import type { ExposureWatch } from '../oversight/exposure-watch.ts';
import type { Foresight } from '../oversight/foresight.ts';
import type { Breaker } from '../renewal/breaker.ts';
import type { Rates } from '../renewal/token-bucket.ts';
import type { OneAtATime } from '../trust/one-at-a-time.ts';
import type { ProofOutlook } from '../trust/proof-outlook.ts';
import type { Turns } from '../turns.ts';
import type { RevocationLists } from '../upkeep/revocation-lists.ts';

export interface App extends Context {
  readonly exposure: ExposureWatch;
  readonly throttles: Throttles;
  readonly rates: Rates;
  readonly breaker: Breaker;
  readonly revoking: Breaker;
  readonly presences: Presences;
  readonly rootChanges: RootChanges;
  readonly refusals: Refusals;
  readonly rounds: Rounds;
  readonly asked: Asked;
  readonly turns: Turns;
  readonly chores: Chores;
  readonly steps: OneAtATime;
  readonly crls: RevocationLists;
  readonly foresight: Foresight;
  readonly proofs: ProofOutlook;
  readonly knocks: Knocks;
  readonly disconnections: Disconnections;
  readonly contests: Contests;
  readonly troubledAddresses: TroubledAddresses;
}
