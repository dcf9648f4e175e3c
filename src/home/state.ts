// Makes what has state, once for a home: each is given what it takes of the ports, the policies, the settings and the others. None of it
// decides who may connect, and all of it may be lost with the process.
import { Contests } from '../app/admission/contests.ts';
import { Disconnections } from '../app/admission/disconnections.ts';
import { Knocks } from '../app/admission/knocks.ts';
import { Presences } from '../app/admission/presences.ts';
import { RootChanges } from '../app/admission/root-changes.ts';
import { TroubledAddresses } from '../app/admission/troubled-addresses.ts';
import { Chores } from '../app/chores.ts';
import type { Context } from '../app/context.ts';
import { Asked } from '../app/enrollment/asked.ts';
import { Refusals } from '../app/enrollment/refusals.ts';
import { Rounds } from '../app/enrollment/rounds.ts';
import { newThrottles } from '../app/enrollment/throttle.ts';
import type { App } from '../app/operator/app.ts';
import { ExposureWatch } from '../app/oversight/exposure-watch.ts';
import { Foresight } from '../app/oversight/foresight.ts';
import { Breaker } from '../app/renewal/breaker.ts';
import { TokenBucket } from '../app/renewal/token-bucket.ts';
import { OneAtATime } from '../app/trust/one-at-a-time.ts';
import { ProofOutlook } from '../app/trust/proof-outlook.ts';
import { Turns } from '../app/turns.ts';
import { RevocationLists } from '../app/upkeep/revocation-lists.ts';
import type { Config } from '../config/index.ts';
import type { Exposure } from '../domain/machine.ts';

type Limits = Pick<Config['limits'], 'offersPerSecond' | 'issuancesPerSecond' | 'announcementsPerSecond'>;

/** @param exposures who could reach into the home before this start set anything right. */
export function withState(context: Context, limits: Limits, exposures: readonly Exposure[]): App {
  const { clock, entropy } = context;
  const chance = (): number => (entropy.bytes(1)[0] ?? 0) / 255;
  const alone = {
    ...context,
    turns: new Turns(),
    chores: new Chores(),
    steps: new OneAtATime(),
    throttles: newThrottles(),
    rates: {
      offers: new TokenBucket(limits.offersPerSecond, clock),
      issuances: new TokenBucket(limits.issuancesPerSecond, clock),
      announcements: new TokenBucket(limits.announcementsPerSecond, clock),
    },
    breaker: new Breaker(chance),
    revoking: new Breaker(chance),
    asked: new Asked(),
  };
  const gathering = { ...alone, presences: new Presences(alone), refusals: new Refusals(alone) };
  return {
    ...gathering,
    rounds: new Rounds(gathering),
    crls: new RevocationLists(gathering),
    foresight: new Foresight(gathering),
    proofs: new ProofOutlook(gathering),
    exposure: new ExposureWatch(gathering, exposures),
    knocks: new Knocks(gathering),
    rootChanges: new RootChanges(gathering),
    disconnections: new Disconnections(gathering),
    contests: new Contests(gathering),
    troubledAddresses: new TroubledAddresses(gathering),
  };
}
