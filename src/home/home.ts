import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, Settings } from '../app/context.ts';
import type { App } from '../app/operator/app.ts';
import { type OperationsFor, operationsOn } from '../app/operator/operate.ts';
import { Policies } from '../app/policies.ts';
import { forgetEnded } from '../app/trust/issuing-steps.ts';
import { refreshRootLists } from '../app/trust/root-lists.ts';
import { Outbox } from '../app/upkeep/outbox.ts';
import { authorities } from '../authority/index.ts';
import { IssuingKeys } from '../authority/issuing-keys.ts';
import { loadProfiles, type Profiles } from '../authority/profiles.ts';
import { RootCrossKeys } from '../authority/root-crosses.ts';
import { RootKeys } from '../authority/root-keys.ts';
import { RootListKeys } from '../authority/root-lists.ts';
import type { Config } from '../config/index.ts';
import { brokerActor } from '../domain/actor.ts';
import type { IssuingSlot } from '../domain/issuing-slots.ts';
import type { Exposure } from '../domain/machine.ts';
import { routineWaitMs } from '../domain/revocation-list.ts';
import { crlShardPath } from '../http/public-path.ts';
import { exposuresOf } from '../machine/exposure.ts';
import { openMachine } from '../machine/index.ts';
import { createSinks } from '../notify/index.ts';
import type { Authority } from '../ports/authority.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import type { Announcer, Sessions } from '../ports/sessions.ts';
import type { Source } from '../ports/source.ts';
import { sourceKinds } from '../source/index.ts';
import { openStore, requireDriver } from '../store/index.ts';
import type { Database } from '../store/sqlite/database.ts';
import { createDecisionLog } from '../telemetry/decision-log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { version } from '../version.ts';
import { readAnchors } from './anchors.ts';
import { CrlFolder } from './crl-folder.ts';
import { ledgerFile, makeHome, pkiFolder, requireCa, requireClosedHome, requireLedger } from './home-folder.ts';
import { recordIssued } from './issued-record.ts';
import { openPki } from './issuing.ts';
import { LatePort } from './late-port.ts';
import { clockOf, type HomeOptions, locationsOf, pkiOptions, systemEntropy } from './options.ts';
import { ServedPairs } from './served-pairs.ts';
import { withState } from './state.ts';

export interface OpenHome {
  readonly operationsFor: OperationsFor;
  close(): Promise<void>;
}

/**
 * Makes what a home needs and does not have: the folder (mode 0700), the ledger, the PKI, an empty CRL. Twice is once.
 * @throws NolapseError when the home cannot be made, can be reached into by another user, is in use, or has lost its ledger or its PKI.
 */
export async function initHome(options: HomeOptions): Promise<{ made: boolean; files: string[] }> {
  const folder = pkiFolder(options.home);
  const decisions = createDecisionLog(options.log, createMetrics());
  for (const fault of requireClosedHome(options.home)) options.log.warn(fault);
  const { app, outbox, made } = await assemble(options, decisions, noSessions, 'make');
  try {
    await app.served.follow();
    await app.crls.begin();
    await refreshRootLists(app);
  } finally {
    await closeAtRest(app, outbox);
  }
  return { made, files: readdirSync(folder).map((name) => join(folder, name)) };
}

export interface Parts {
  readonly app: App;
  readonly database: Database;
  readonly shelf: CrlFolder;
  /** Of the broker, once one is made. */
  readonly nextPort: LatePort;
  readonly served: ServedPairs;
  readonly outbox: Outbox;
  readonly decisions: DecisionLog;
  /** Was anything of the home made that was not there? */
  readonly made: boolean;
}

function settingsOf(config: Config): Settings {
  return {
    access: config.access,
    anchors: readAnchors(config.bootstrap.anchors),
    skewMs: config.skewMs,
    crlValidityMs: config.crl.validityMs,
    crlWaitMs: routineWaitMs(config.crl.intervalMs, config.crl.validityMs),
    crlShardAbove: config.crl.shardAbove,
    crlShardBase: config.http.publicUrl + crlShardPath,
    journalKeptMs: config.journal.retentionMs,
    csrBytesMax: config.limits.csrBytes,
    sweepBatch: config.sweep.batch,
    sources: new Map([...config.sources].map(([name, { rules }]) => [name, rules])),
    alertsKeptMs: config.alerts.retentionMs,
    alertQueueMax: config.alerts.queue,
    lookOverMs: config.findings.everyMs,
    cohortShares: config.rollout.shares,
    rolloutRule: config.rollout.rule,
    trust: config.trust,
    address: { names: config.server.names, port: config.mqtt.port },
    mqttNextPort: config.mqtt.nextPort,
    version: version(),
  };
}

function sourcesOf(config: Config): Map<string, Source> {
  const opened = [...config.sources].map(([name, { place }]): [string, Source] => [
    name,
    place.kind === 'file' ? sourceKinds.file(place) : sourceKinds.http(place),
  ]);
  return new Map(opened);
}

interface Configured {
  readonly authority: Authority;
  /** Has other slots of issuing CAs hold. */
  use(slots: readonly IssuingSlot[]): void;
}

function authorityOf(options: HomeOptions, profiles: Profiles, slots: readonly IssuingSlot[]): Configured {
  const { home, config, passphrase } = options;
  switch (config.authority.kind) {
    case 'local': {
      const authority = authorities.local(pkiFolder(home), {
        locations: locationsOf(config),
        passphrase: passphrase ?? undefined,
        profiles,
        slots,
      });
      return { authority, use: authority.use };
    }
  }
}

/** The CAs of the home as files, and the chains below them that its ports show. */
async function casOf(
  options: HomeOptions,
  { profiles, use }: { readonly profiles: Profiles; readonly use: Configured['use'] },
  at: Pick<Context, 'store' | 'clock'>,
) {
  const { entropy = systemEntropy } = options;
  const folder = pkiFolder(options.home);
  const made = { passphrase: options.passphrase ?? undefined, profiles, entropy };
  const issuing = new IssuingKeys(folder, { ...made, use });
  const roots = new RootKeys(folder, { ...made, issuing, server: (named) => pkiOptions(options, named) });
  const rootLists = new RootListKeys(folder, made.passphrase);
  const crosses = new RootCrossKeys(folder, made.passphrase, entropy);
  return { issuing, roots, rootLists, crosses, served: await ServedPairs.open(options, { ...at, issuing }) };
}

/** Makes the folder, or takes away what others may do in it. @returns who could reach into it before. */
function closeHome({ home, log }: HomeOptions): Exposure[] {
  const exposures = exposuresOf(home);
  const remark = makeHome(home);
  if (remark) log.warn(remark);
  return exposures;
}

/**
 * Opens the ledger, which keeps everybody else out of the home, and then the PKI. With purpose `make`, whatever of them is not
 * there is made; with `use` no file of the PKI is written.
 * @throws ConfigError about the anchors; NolapseError `no_home`, `ledger_missing`, `pki_missing`, `store_locked`, and what the
 * authority finds wrong with the PKI.
 */
export async function assemble(
  options: HomeOptions,
  decisions: DecisionLog,
  sessions: Sessions & Partial<Announcer>,
  purpose: 'make' | 'use',
): Promise<Parts> {
  const { home, config, entropy = systemEntropy } = options;
  requireDriver();
  const clock = clockOf(options);
  const settings = settingsOf(config);
  const exposures = purpose === 'make' ? closeHome(options) : [];
  const { isNew } = requireLedger(home, purpose, options.newLedger);
  const opened = openStore(ledgerFile(home), () => clock.steady());
  const { database } = opened;
  try {
    const { store: recorded, issued } = await recordIssued(opened, config.issued.file, clock);
    const store = options.throughStore?.(recorded) ?? recorded;
    const { certificates } = await store.read.counts();
    if (Object.values(certificates).some((count) => count > 0)) requireCa(home);
    const { outcome, slots } = await openPki(options, store, { purpose, isNew, now: clock.now() });
    const profiles = options.profiles ?? loadProfiles();
    const configured = authorityOf(options, profiles, slots);
    const authority = options.throughAuthority?.(configured.authority) ?? configured.authority;
    const cas = await casOf(options, { profiles, use: configured.use }, { store, clock });
    const shelf = new CrlFolder(home);
    const nextPort = new LatePort();
    const [gateway = 'nolapse'] = config.server.names;
    const context: Context = {
      actor: brokerActor,
      store,
      authority,
      ...cas,
      profiles: profiles.principals,
      sessions,
      nextPort,
      clock,
      entropy,
      decisions,
      machine: openMachine(home, options.logState, issued),
      shelf,
      sources: sourcesOf(config),
      sinks: createSinks(config.alerts, {
        decisions,
        announcer: announcerOf(sessions),
        teller: { gateway, runbookBase: config.alerts.runbookBase },
        now: () => clock.now(),
      }),
      policies: new Policies(config.policies),
      settings,
    };
    const app = withState(context, config.limits, exposures);
    await forgetEnded(app);
    const made = isNew || outcome !== 'present';
    return { app, database, shelf, served: cas.served, nextPort, outbox: new Outbox(app), decisions, made };
  } catch (error) {
    await opened.store.close();
    throw error;
  }
}

function announcerOf({ announce }: Partial<Announcer>): Announcer {
  return { announce: announce ?? (() => Promise.reject(new Error('no broker runs here'))) };
}

/** Nobody is connected to a home at rest. */
export const noSessions: Sessions = {
  send: async () => 0,
  listens: async () => false,
  clientIdsOf: async () => [],
  closeByCertificate: async () => 0,
  closeByPrincipal: async () => 0,
  closeClaimed: async () => 0,
  closeIntroduced: async () => 0,
  isConnected: async () => false,
  under: async () => 0,
};

/**
 * Opens a home that no broker runs on, for operations.
 * @throws as {@link assemble}: NolapseError `store_locked` when one does.
 */
export async function openHome(options: HomeOptions): Promise<OpenHome> {
  const decisions = createDecisionLog(options.log, createMetrics());
  const { app, outbox } = await assemble(options, decisions, noSessions, 'use');
  outbox.poke();
  return {
    operationsFor: operationsOn({
      app,
      serverDer: () => app.served.first.certificate,
      reread: null,
      isServing: false,
    }),
    close: () => closeAtRest(app, outbox),
  };
}

async function closeAtRest(app: App, outbox: Outbox): Promise<void> {
  await app.chores.stop();
  await app.rounds.stop();
  await outbox.idle();
  await outbox.close();
  await app.store.close();
}
