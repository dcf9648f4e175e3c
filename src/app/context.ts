// What the application works with: the ports, the policies and the settings. What has state is made once in the composition root and
// handed to those who use it. Verbs name what they take of all that.
import type { AccessRules } from '../domain/acl.ts';
import type { Actor } from '../domain/actor.ts';
import type { Cohort, Principal, PrincipalKind } from '../domain/principal.ts';
import type { SourceRules } from '../domain/reconcile.ts';
import type { Profile } from '../domain/request.ts';
import { type CohortShares, cohortOf, type RolloutRule } from '../domain/rollout.ts';
import type { Span } from '../domain/time.ts';
import type { Authority } from '../ports/authority.ts';
import type { Clock, Entropy } from '../ports/clock.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import type { IssuingCas } from '../ports/issuing-cas.ts';
import type { Machine } from '../ports/machine.ts';
import type { NextPort } from '../ports/next-port.ts';
import type { ListShelf } from '../ports/revocation-lists.ts';
import type { RootCas } from '../ports/root-cas.ts';
import type { RootCrosses } from '../ports/root-crosses.ts';
import type { RootLists } from '../ports/root-lists.ts';
import type { ServedRoots } from '../ports/served-roots.ts';
import type { Sessions } from '../ports/sessions.ts';
import type { Sink } from '../ports/sink.ts';
import type { Source } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import type { Policies } from './policies.ts';

export interface Context {
  /** On whose behalf things are changed: the broker's own, unless {@link actingAs} says otherwise. */
  readonly actor: Actor;
  readonly store: Store;
  readonly authority: Authority;
  /** Whose chain each port shows. */
  readonly served: ServedRoots;
  /** The home's issuing CAs, one of which signs where the authority is here, and the server's certificate in any case. */
  readonly issuing: IssuingCas;
  readonly roots: RootCas;
  readonly rootLists: RootLists;
  readonly crosses: RootCrosses;
  /** The port of a next root, seen from outside, and who came over each root's port. */
  readonly nextPort: Pick<NextPort, 'reach' | 'sessionsUnder'>;
  /** What certificates of each kind of principal may be. */
  readonly profiles: Readonly<Record<PrincipalKind, Profile>>;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly decisions: DecisionLog;
  readonly machine: Machine;
  /** Where the bytes of revocation lists are. */
  readonly shelf: ListShelf;
  /** By name, as the settings have them. */
  readonly sources: ReadonlyMap<string, Source>;
  /** Who is told of alerts, by the name under which what waits for each is kept. */
  readonly sinks: ReadonlyMap<string, Sink>;
  readonly policies: Policies;
  readonly settings: Settings;
}

export interface Settings {
  readonly access: AccessRules;
  /** DER of the certificates that may introduce strangers. */
  readonly anchors: readonly Uint8Array[];
  /** How far ahead of our clock a certificate's notBefore may lie. */
  readonly skewMs: number;
  readonly crlValidityMs: number;
  /** How long what was only superseded waits to be listed. */
  readonly crlWaitMs: number;
  /** Entries of the complete list from which on new certificates name a shard, and certificates of a shard. */
  readonly crlShardAbove: number;
  /** What the URL of a shard begins with. */
  readonly crlShardBase: string;
  /** How long what was done is kept in the journal. */
  readonly journalKeptMs: number;
  /** Bytes of DER a CSR may have. */
  readonly csrBytesMax: number;
  /** Rows one step of a sweep takes on at most. */
  readonly sweepBatch: number;
  /** By name. */
  readonly sources: ReadonlyMap<string, SourceRules>;
  /** How long an alert is kept after it was cleared. */
  readonly alertsKeptMs: number;
  /** What may wait for one alert sink; the oldest beyond it is dropped. */
  readonly alertQueueMax: number;
  /** How often the fleet is looked over. */
  readonly lookOverMs: number;
  /** The parts of the fleet that go first. */
  readonly cohortShares: CohortShares;
  readonly rolloutRule: RolloutRule;
  readonly trust: TrustSettings;
  /** Where devices reach the broker: the names in its certificate, and its first port. */
  readonly address: { readonly names: readonly string[]; readonly port: number };
  /** The port for a next root; null: none can be prepared. */
  readonly mqttNextPort: number | null;
  /** Of this program. */
  readonly version: string;
}

/** How CAs roll over. */
export interface TrustSettings {
  /** Does a step need a second command that releases it? */
  readonly approval: { readonly root: 'required' | 'none'; readonly issuing: 'required' | 'none' };
  /** How much of its life the present root has when the next one is to be prepared. */
  readonly rootPrepareAt: Span;
  /** How long before the end of a root it is told who will not have proved the next one, as a share of its life or a time. */
  readonly rootWarnAhead: Span;
  /** Shows a chain that nobody can trust; null: there is no control. */
  readonly controlPort: number | null;
  /** Null: they follow from the policies. */
  readonly prepareAheadMs: number | null;
  readonly activateAheadMs: number | null;
}

/** The turn of a principal in a staged rollout. */
export function cohortIn(app: Pick<Context, 'settings'>, { cohort, id }: Pick<Principal, 'cohort' | 'id'>): Cohort {
  return cohortOf(cohort, id, app.settings.cohortShares);
}
