// The composition root of a running broker: wires a home's parts to the broker, the sockets and the heartbeat, and takes
// them apart again in order.

import { entranceOf } from './app/admission/entrance.ts';
import { Seen } from './app/admission/seen.ts';
import { operationsOn } from './app/operator/operate.ts';
import { reloadUnattended } from './app/operator/reload.ts';
import { checkAtStart } from './app/oversight/ledger-damage.ts';
import { LedgerRefusals } from './app/oversight/ledger-refusals.ts';
import { Notifier } from './app/oversight/notifier.ts';
import { settleAtStart } from './app/oversight/settle-start.ts';
import { MachineWatch } from './app/oversight/watch-machine.ts';
import { IssuingWatch } from './app/trust/issuing-watch.ts';
import { refreshRootLists } from './app/trust/root-lists.ts';
import { RootWatch } from './app/trust/root-watch.ts';
import { UnprovedWatch } from './app/trust/unproved-watch.ts';
import { currentRoot, issuerOfNumber, signingCa } from './app/trust.ts';
import { attempt } from './app/upkeep/attempt.ts';
import { type Maintenance, startMaintenance } from './app/upkeep/maintenance.ts';
import { sweep } from './app/upkeep/sweep.ts';
import { makeControlChain } from './authority/control-chain.ts';
import { type Broker, createBroker } from './broker/broker.ts';
import type { TlsMaterial } from './broker/door/tls-options.ts';
import type { Config } from './config/index.ts';
import { NolapseError } from './domain/errors.ts';
import { descriptorBounds } from './domain/machine.ts';
import { assemble, type OpenHome, type Parts } from './home/home.ts';
import type { HomeOptions } from './home/options.ts';
import { startControlServer } from './http/control.ts';
import { startPublicServer } from './http/public.ts';
import type { NextPort } from './ports/next-port.ts';
import type { ServedRoots } from './ports/served-roots.ts';
import { DecisionFeed } from './telemetry/decision-feed.ts';
import { createDecisionLog } from './telemetry/decision-log.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { watchAbsentSessions } from './wiring/absent-sessions.ts';
import { startApi } from './wiring/api.ts';
import { brokerLimits } from './wiring/broker-limits.ts';
import { keepMessages } from './wiring/kept-messages.ts';
import { LateSessions } from './wiring/late-sessions.ts';
import { rememberBlocks } from './wiring/remembered-blocks.ts';
import { renderMetrics, renderOwnerMetrics } from './wiring/render-metrics.ts';
import { rereader } from './wiring/reread.ts';
import { servedCrl, servedRootCrl } from './wiring/served-crl.ts';
import { hintsOf, materialOf, ShownPorts, type ShownPortsOptions } from './wiring/shown-ports.ts';
import { TrustPorts } from './wiring/trust-ports.ts';

export interface Nolapse extends OpenHome {
  /** The ports that were bound, also where 0 was asked for. */
  readonly ports: { readonly mqtt: number; readonly websocket?: number; readonly http: number; readonly api?: number };
  /** Where the chain of a next root is served while this broker runs. */
  readonly nextPort: NextPort;
  /** Whose chain its ports show. */
  readonly served: ServedRoots;
  /** Opens a further MQTT port with a chain of its own, as {@link Broker.open} does. */
  readonly openPort: Broker['open'];
  /** Was anything of its home made that was not there? */
  readonly made: boolean;
  /** Has the policies read anew where nobody waits for an answer: what came of it is in the log and the alerts. Never rejects. */
  hangUp(): Promise<void>;
}

interface BrokerParts {
  readonly sessions: LateSessions;
  readonly seen: Seen;
  readonly undos: Undo[];
  /** What the first port shows from its beginning. */
  readonly tls: TlsMaterial;
}

async function buildBroker(parts: Parts, config: Config, { sessions, seen, undos, tls }: BrokerParts): Promise<Broker> {
  const { app, decisions } = parts;
  const persistence = keepMessages(parts, config.limits, () => sessions.broker);
  sessions.forget = (id) => void persistence.sessions.forgetPrincipal(id);
  sessions.forgetClaimed = (id) => void persistence.sessions.forgetClaimed(id);
  sessions.forgetAbsent = (...away) => persistence.sessions.forgetAbsent(...away);
  const blocks = rememberBlocks(parts.database, app.clock, decisions);
  undos.push(() => blocks.close());
  const broker = await createBroker({
    entrance: entranceOf(app, seen),
    persistence,
    decisions,
    clock: app.clock,
    tls,
    listen: config.mqtt,
    ...(config.websocket && { websocket: config.websocket }),
    limits: brokerLimits(config, app.machine.descriptorLimit),
    proxies: config.proxies,
    known: blocks.known,
  });
  sessions.broker = broker;
  return broker;
}

/** The ports beside the first one. */
function trustPortsOf({ app, nextPort }: Parts, { config }: HomeOptions, broker: Broker): TrustPorts {
  const { clock, entropy } = app;
  const { names } = config.server;
  const ports = new TrustPorts({
    broker,
    ...config.mqtt,
    ...config.trust,
    names,
    hints: () => hintsOf(app),
    makeControl: () => makeControlChain({ now: clock.now(), entropy, names }),
  });
  nextPort.port = ports;
  return ports;
}

/**
 * Opens the ports beside the first one, as far as they are needed now. To be called before the first one is opened: devices that have
 * proved the next root would come back there meanwhile, and reopen their proof.
 */
async function beginPorts({ app, served }: Parts, options: ShownPortsOptions): Promise<void> {
  await options.ports.begin();
  served.begin(new ShownPorts(options));
  // A second port that cannot be had keeps nobody from the first.
  await attempt(app, 'could not serve the second port', () => served.renew());
}

function startPublic(
  parts: Parts,
  options: HomeOptions,
  metrics: Metrics,
  broker: Broker,
  isWell: () => Promise<boolean>,
) {
  const { app } = parts;
  const bounds = descriptorBounds(app.machine.descriptorLimit ?? Number.POSITIVE_INFINITY);
  return startPublicServer({
    ...options.config.http,
    descriptorsMax: bounds.http,
    connectionsMax: bounds.httpConnections,
    log: options.log,
    content: {
      crl: (shard, issuer) => servedCrl(app, parts.shelf, shard, issuer),
      rootCrl: (root) => servedRootCrl(app, root),
      root: () => app.served.root,
      issuer: (number) => issuerOfNumber(app, number),
      // Loaded when somebody asks: pkijs is as heavy as all the rest.
      p7c: async () => (await import('./pki/cms.ts')).certsOnly([...signingCa(app).chain, currentRoot(app)]),
      health: async () => ({ ok: await isWell(), sessions: broker.sessionCount }),
      metrics: () => renderMetrics(parts, metrics, broker),
    },
  });
}

function watchAway({ app, decisions }: Parts, { config }: HomeOptions, { forgetAbsent }: LateSessions): Undo {
  return watchAbsentSessions({ expiryMs: config.limits.sessionExpiryMs, clock: app.clock, decisions, forgetAbsent });
}

/** What looks around at each beat of the heart. */
function watchesOf({ app }: Parts) {
  return {
    machine: new MachineWatch(app),
    issuing: new IssuingWatch(app),
    roots: new RootWatch(app),
    unproved: new UnprovedWatch(app),
  };
}

type Undo = () => Promise<void> | void;

/** Takes apart what was built, the last first; one failure does not keep the rest standing. */
async function undoAll(undos: Undo[]): Promise<void> {
  const failures: unknown[] = [];
  for (const undo of undos.toReversed()) {
    try {
      await undo();
    } catch (error) {
      failures.push(error);
    }
  }
  undos.length = 0;
  if (failures.length > 0) throw new NolapseError('stop_failed', 'the gateway did not stop cleanly', failures[0]);
}

/** Can it do its work: does the ledger answer and take what is written, and do sweeps come to their end? */
async function serves({ store }: Parts['app'], maintenance: Maintenance | null): Promise<boolean> {
  return (await store.read.dueEffects(0, 1)) !== null && store.isWell && maintenance?.isWell !== false;
}

/** What the first port shows is what the API shows, where that has no certificate of its own. */
function alsoShowing(broker: Broker, shown: { tls: TlsMaterial }): Pick<Broker, 'setSecureContext'> {
  return {
    setSecureContext: (material) => {
      broker.setSecureContext(material);
      shown.tls = material;
    },
  };
}

function portsOf(mqtt: number, http: number, websocket?: number, api?: number): Nolapse['ports'] {
  return { mqtt, http, ...(websocket !== undefined && { websocket }), ...(api !== undefined && { api }) };
}

/**
 * Starts a broker on a home, making the home first if it is not there. Resolves when its ports are bound and what it owed
 * from before is under way. Rejects with what could not be had, everything taken apart again.
 */
export async function startNolapse(options: HomeOptions & { readonly metrics: Metrics }): Promise<Nolapse> {
  const undos: Undo[] = [];
  try {
    const decisions = new DecisionFeed(createDecisionLog(options.log, options.metrics));
    const sessions = new LateSessions();
    const parts = await assemble(options, decisions, sessions, 'make');
    const { app, outbox, made, served } = parts;
    undos.push(() => app.store.close());
    for (const each of [app.rounds, app.chores]) undos.push(() => each.stop());
    await checkAtStart(app);
    const tls = materialOf(await served.firstPair(), hintsOf(app));
    const shown = { tls };
    const seen = new Seen(app);
    undos.push(() => app.presences.end());
    const broker = await buildBroker(parts, options.config, { sessions, seen, undos, tls });
    undos.push(() => broker.close());
    const trustPorts = trustPortsOf(parts, options, broker);
    undos.push(watchAway(parts, options, sessions));
    const reread = rereader(options.config, options.readConfig);
    const operationsFor = operationsOn({ app, serverDer: () => served.first.certificate, reread, isServing: true });
    const metrics = () => renderOwnerMetrics(parts, options.metrics, broker);
    const control = await startControlServer({ home: options.home, operationsFor, metrics, log: options.log });
    undos.push(() => control.close());
    let maintenance: Maintenance | null = null;
    const isWell = () => serves(app, maintenance);
    const http = await startPublic(parts, options, options.metrics, broker, isWell);
    undos.push(() => http.close());
    const api = await startApi(options, { app, operationsFor, feed: decisions, own: () => shown.tls });
    undos.push(() => api?.close());
    await settleAtStart(app);
    // A ledger that is damaged in a place keeps nobody from being served: the sweep is tried again.
    await attempt(app, 'the first sweep failed', () => sweep(app));
    await app.crls.begin();
    await attempt(app, 'could not refresh the revocation lists of the roots', () => refreshRootLists(app));
    const notifier = new Notifier(app);
    const refusals = new LedgerRefusals(app);
    for (const each of [outbox, notifier, refusals]) undos.push(() => each.close());
    outbox.poke();
    await notifier.begin();
    await app.presences.begin();
    const heart = startMaintenance({
      app,
      outbox,
      notifier,
      seen,
      refusals,
      ...watchesOf(parts),
      intervalMs: options.config.sweep.intervalMs,
      served,
    });
    maintenance = heart;
    for (const each of [heart, app.chores]) undos.push(() => each.stop());
    const watched = alsoShowing(broker, shown);
    await beginPorts(parts, { broker: watched, ports: trustPorts, hints: () => hintsOf(app), decisions, begun: tls });
    const { port, websocketPort } = await broker.listen();
    return {
      operationsFor,
      nextPort: trustPorts,
      served,
      made,
      openPort: (place, material) => broker.open(place, material),
      hangUp: () => reloadUnattended(app, reread),
      ports: portsOf(port, http.port, websocketPort, api?.port),
      close: () => undoAll(undos),
    };
  } catch (error) {
    await undoAll(undos).catch(() => undefined);
    throw error;
  }
}
