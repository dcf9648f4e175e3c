// The configuration: one schema over a file and the environment, read once into frozen values. Every fault is reported,
// together, with its path and line.
import { isIPv6 } from 'node:net';
import { dirname, resolve } from 'node:path';
import { type AccessRules, type AccessTemplate, defaultTemplates } from '../domain/acl.ts';
import type { Network } from '../domain/address-block.ts';
import type { PolicySet } from '../domain/policy-set.ts';
import type { CohortShares, RolloutRule } from '../domain/rollout.ts';
import type { Span } from '../domain/time.ts';
import { type AlertsConfig, alertsFaults, settleAlerts } from './alerts.ts';
import { type ApiConfig, apiFaults, settleApi } from './api.ts';
import { type AuthorityConfig, settleAuthority } from './authority.ts';
import { ConfigError, type ConfigFault, describeFault } from './fault.ts';
import { deepFreeze } from './freeze.ts';
import { type PolicyFault, resolvePolicies, type Unreadable } from './policies.ts';
import { configSchema, type RawConfig } from './schema.ts';
import { isTree, layVariables, readYaml, type Source, type Tree } from './source.ts';
import { type SourceConfig, settleSources, sourceFaults } from './sources.ts';

export interface Config {
  /** `nextPort` is that of a next root; null: no rollover of the root can be prepared. */
  readonly mqtt: { readonly host: string; readonly port: number; readonly nextPort: number | null };
  /** Absent: no MQTT over WebSockets. */
  readonly websocket?: { readonly host: string; readonly port: number; readonly path: string };
  /** `publicUrl` goes into certificates, for CRL and issuer; without a slash at its end. */
  readonly http: { readonly host: string; readonly port: number; readonly publicUrl: string };
  /** Absent: there is no HTTP API. */
  readonly api?: ApiConfig;
  readonly server: { readonly names: readonly string[] };
  /** Of classes and criticalities. */
  readonly policies: PolicySet;
  readonly skewMs: number;
  /** Load balancers that begin each connection with a PROXY header. */
  readonly proxies: readonly Network[];
  readonly access: AccessRules;
  readonly limits: Limits;
  /** Absolute paths of PEM or DER files. */
  readonly bootstrap: { readonly anchors: readonly string[] };
  readonly authority: AuthorityConfig;
  readonly crl: { readonly validityMs: number; readonly intervalMs: number; readonly shardAbove: number };
  /** An absolute path; null: what is issued is recorded in the ledger alone. */
  readonly issued: { readonly file: string | null };
  readonly journal: { readonly retentionMs: number };
  readonly sweep: { readonly intervalMs: number; readonly batch: number };
  /** By name. */
  readonly sources: ReadonlyMap<string, SourceConfig>;
  readonly alerts: AlertsConfig;
  readonly findings: { readonly everyMs: number };
  readonly rollout: { readonly shares: CohortShares; readonly rule: RolloutRule };
  readonly trust: {
    /** Shows a chain that nobody can trust; null: there is no control. */
    readonly controlPort: number | null;
    readonly approval: { readonly root: 'required' | 'none'; readonly issuing: 'required' | 'none' };
    readonly rootPrepareAt: Span;
    readonly rootWarnAhead: Span;
    readonly prepareAheadMs: number | null;
    readonly activateAheadMs: number | null;
  };
  readonly log: { readonly level: RawConfig['log']['level'] };
}

interface Limits {
  readonly packetBytes: number;
  readonly packetBytesDiscarded: number;
  readonly packetBytesBeforeConnect: number;
  readonly packetsPerSecond: number;
  readonly connectionsPerAddress: number;
  readonly connections: number;
  /** Of them, as a share, those that addresses without a known certificate may have. */
  readonly unknownShare: number;
  readonly handshakeMs: number;
  readonly connectMs: number;
  readonly keepaliveMs: number;
  readonly sessionsPerPrincipal: number;
  readonly sessionExpiryMs: number;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  readonly unreleasedMessages: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
  readonly retainedMessagesPerPrincipal: number;
  readonly retainedBytesPerPrincipal: number;
  readonly subscriptions: number;
  readonly filterBytes: number;
  readonly csrBytes: number;
  readonly offersPerSecond: number;
  readonly issuancesPerSecond: number;
  readonly announcementsPerSecond: number;
}

/** The value without what the schema objected to, so that the checks between keys can speak about the rest. */
function prune(tree: Tree, path: readonly PropertyKey[]): void {
  const parents = path.slice(0, -1).map(String);
  const parent = parents.reduce<unknown>((at, step) => (isTree(at) ? at[step] : undefined), tree);
  if (isTree(parent)) delete parent[String(path.at(-1))];
  else if (parents.length > 0) prune(tree, parents);
}

interface Read {
  readonly raw: RawConfig;
  readonly faults: { readonly path: readonly PropertyKey[]; readonly message: string }[];
}

/** Bounds the rounds of pruning: each takes one level of nesting away, and the schema has four. */
const roundsMax = 8;

function read(tree: Tree): Read {
  const faults: Read['faults'] = [];
  for (let round = 0; round < roundsMax; round += 1) {
    const parsed = configSchema.safeParse(tree);
    if (parsed.success) return { raw: parsed.data, faults };
    for (const issue of parsed.error.issues) {
      const found =
        issue.code === 'unrecognized_keys'
          ? issue.keys.map((key) => ({ path: [...issue.path, key], message: 'unknown key' }))
          : [{ path: issue.path, message: issue.code === 'invalid_key' ? 'not a name' : issue.message }];
      if (round === 0) faults.push(...found);
      for (const { path } of found) prune(tree, path);
    }
  }
  return { raw: configSchema.parse({}), faults };
}

/** Names within a section that have a fault already; `whole` where it is the section's. */
function unreadableIn(section: string, whole: string, faults: Read['faults']): Set<string> {
  const within = faults.filter(({ path }) => path[0] === section);
  return new Set(within.map(({ path }) => (path.length > 1 ? String(path[1]) : whole)));
}

function unreadablePolicies(faults: Read['faults']): Unreadable {
  return {
    classes: unreadableIn('classes', 'default', faults),
    // Of a section that could not be read at all nothing is left that could be at fault.
    criticalities: unreadableIn('criticalities', '', faults),
  };
}

/** Names of webhooks that have a fault already: what was taken out of them for it is not missed once more. */
function unreadableWebhooks(faults: Read['faults']): Set<string> {
  const within = faults.filter(({ path }) => path[0] === 'alerts' && path[1] === 'webhooks');
  return new Set(within.map(({ path }) => String(path[2])));
}

function rolloutFrom({ canaryShare, earlyShare, activatedShare, soak, ...failures }: RawConfig['rollout']) {
  return {
    shares: { canary: canaryShare, early: earlyShare },
    rule: { activatedShare, soakMs: soak, ...failures },
  };
}

function clashes(
  { limits, mqtt, trust, websocket, http, api, classes, sources, alerts, rollout }: RawConfig,
  found: Read['faults'],
): PolicyFault[] {
  const faults: PolicyFault[] = [];
  const atMost = (key: keyof typeof limits, bound: keyof typeof limits): void => {
    if (limits[key] > limits[bound]) {
      faults.push({ path: ['limits', key], message: `${limits[key]} is more than ${bound}, ${limits[bound]}` });
    }
  };
  atMost('packetBytesBeforeConnect', 'packetBytes');
  atMost('csrBytes', 'packetBytes');
  atMost('connectionsPerAddress', 'connections');
  // Shares such as 70% and 30% are a hair more than 1 together.
  if (rollout.canaryShare + rollout.earlyShare > 1 + 1e-9) {
    faults.push({ path: ['rollout', 'earlyShare'], message: 'together with canaryShare it is more than 100%' });
  }
  const taken = new Map<string, string>();
  const places = [
    { path: ['mqtt', 'port'], by: 'mqtt', host: mqtt.host, port: mqtt.port },
    { path: ['mqtt', 'nextPort'], by: 'mqtt.nextPort', host: mqtt.host, port: mqtt.nextPort },
    { path: ['trust', 'controlPort'], by: 'trust.controlPort', host: mqtt.host, port: trust.controlPort },
    { path: ['websocket', 'port'], by: 'websocket', host: websocket?.host, port: websocket?.port },
    { path: ['http', 'port'], by: 'http', host: http.host, port: http.port },
    { path: ['api', 'port'], by: 'api', host: api?.host, port: api?.port },
  ];
  for (const { path, by, host, port } of places) {
    if (!port) continue;
    const address = `${host}:${port}`;
    const other = taken.get(address);
    if (other) faults.push({ path, message: `${port} is the port of ${other} too` });
    taken.set(address, by);
  }
  return [
    ...faults,
    ...sourceFaults(
      sources,
      unreadableIn('sources', '', found),
      new Map([['default', {}], ...Object.entries(classes)]),
    ),
    ...apiFaults(api),
    ...alertsFaults(alerts, unreadableWebhooks(found)),
  ];
}

function accessFrom(raw: RawConfig['access']): AccessRules {
  const fill = (from: RawConfig['access']['device'], fallback: AccessTemplate): AccessTemplate => ({
    publish: from.publish ?? fallback.publish,
    subscribe: from.subscribe ?? fallback.subscribe,
  });
  // A principal's own lists replace its kind's: what they leave out is denied.
  const none: AccessTemplate = { publish: [], subscribe: [] };
  const own = Object.entries(raw.principals).map(([id, lists]) => [id, fill(lists, none)] as const);
  return {
    kinds: {
      device: fill(raw.device, defaultTemplates.device),
      gateway: fill(raw.gateway, defaultTemplates.gateway),
      service: fill(raw.service, defaultTemplates.service),
    },
    principals: new Map(own),
  };
}

function publicUrl(raw: RawConfig): string {
  const [name = 'localhost'] = raw.server.names;
  const url = raw.http.publicUrl ?? `http://${isIPv6(name) ? `[${name}]` : name}:${raw.http.port}`;
  return url.replace(/\/+$/, '');
}

function settleConfig(raw: RawConfig, policies: PolicySet, file: string | undefined): Config {
  const { handshake, connect, keepalive, sessionExpiry, ...counts } = raw.limits;
  const base = file === undefined ? '.' : dirname(file);
  return {
    mqtt: { ...raw.mqtt, nextPort: raw.mqtt.nextPort ?? null },
    ...(raw.websocket && { websocket: raw.websocket }),
    proxies: raw.proxies.from,
    http: { host: raw.http.host, port: raw.http.port, publicUrl: publicUrl(raw) },
    ...(raw.api && { api: settleApi(raw.api, (path) => resolve(base, path)) }),
    server: raw.server,
    policies,
    skewMs: raw.skew,
    access: accessFrom(raw.access),
    limits: {
      ...counts,
      handshakeMs: handshake,
      connectMs: connect,
      keepaliveMs: keepalive,
      sessionExpiryMs: sessionExpiry,
    },
    bootstrap: { anchors: raw.bootstrap.anchors.map((path) => resolve(base, path)) },
    authority: settleAuthority(raw.authority),
    crl: { validityMs: raw.crl.validity, intervalMs: raw.crl.interval, shardAbove: raw.crl.shardAbove },
    issued: { file: raw.issued.file === undefined ? null : resolve(base, raw.issued.file) },
    journal: { retentionMs: raw.journal.retention },
    sweep: { intervalMs: raw.sweep.interval, batch: raw.sweep.batch },
    sources: settleSources(raw.sources, (path) => resolve(base, path)),
    alerts: settleAlerts(raw.alerts, (path) => resolve(base, path)),
    findings: { everyMs: raw.findings.every },
    rollout: rolloutFrom(raw.rollout),
    trust: {
      controlPort: raw.trust.controlPort ?? null,
      approval: raw.trust.approval,
      rootPrepareAt: raw.trust.root.prepareAt,
      rootWarnAhead: raw.trust.root.warnAhead,
      prepareAheadMs: raw.trust.issuing.prepareAhead ?? null,
      activateAheadMs: raw.trust.issuing.activateAhead ?? null,
    },
    log: raw.log,
  };
}

/**
 * Reads the configuration: defaults, then the file (when one is named), then the variables `NOLAPSE_...`. Relative paths
 * in it are relative to the file.
 * @throws ConfigError with every fault there is.
 */
export function loadConfig(from: {
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Config {
  const source: Source =
    from.file === undefined ? { tree: {}, faults: [], lineOf: () => undefined } : readYaml(from.file);
  const tree = structuredClone(source.tree);
  const { origins, faults: strayVariables } = layVariables(tree, from.env);
  const { raw, faults: ofSchema } = read(tree);
  const { policies, faults: ofPolicies } = resolvePolicies(
    raw.classes,
    raw.criticalities,
    unreadablePolicies(ofSchema),
  );
  const located = [...ofSchema, ...ofPolicies, ...clashes(raw, ofSchema)].map(({ path, message }): ConfigFault => {
    const dotted = path.map(String).join('.');
    const variable = origins.get(dotted);
    if (variable) return { path: dotted, message: `${message} (from ${variable})` };
    const line = source.lineOf(path);
    return { path: dotted, ...(line !== undefined && { line }), message };
  });
  const all = [...source.faults, ...located, ...strayVariables].map((fault) => [describeFault(fault), fault] as const);
  const faults = [...new Map(all).values()];
  faults.sort((a, b) => (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER));
  if (faults.length > 0) throw new ConfigError(faults, from.file);
  return deepFreeze(settleConfig(raw, policies, from.file));
}
