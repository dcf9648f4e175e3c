// The broker: listeners, guard, aedes and the hooks that join it to the application, put together. It decides nothing itself.
import type { TLSSocket } from 'node:tls';
import { Aedes, type AedesOptions } from 'aedes';
import type { Entrance, Session } from '../app/session.ts';
import type { Network } from '../domain/address-block.ts';
import { ownerOfSession } from '../domain/client-id.ts';
import type { Allowance } from '../domain/costs.ts';
import type { Clock } from '../ports/clock.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import type { MqttPersistence } from '../ports/mqtt-persistence.ts';
import type { Announcer, Sessions } from '../ports/sessions.ts';
import { admissionHooks } from './admission-hooks.ts';
import { brokerClient, type PublishPacket, withoutDuplicateCheck } from './aedes-internals.ts';
import { AedesPersistence } from './aedes-persistence.ts';
import { createAnnouncer } from './announce.ts';
import type { Budget } from './budget.ts';
import { watchRegistrations } from './client-registrations.ts';
import { connectDirectly } from './direct-connect.ts';
import { parseDirectly } from './direct-parser.ts';
import { Door } from './door/door.ts';
import type { KnownBlocks } from './door/known-blocks.ts';
import { contextOptions, type TlsMaterial } from './door/tls-options.ts';
import { endCauseOf } from './end-cause.ts';
import { FanOut } from './fan-out.ts';
import { deliverAsGranted } from './granted-qos.ts';
import { guardReads } from './guarded-reads.ts';
import { aedesLimits, type BrokerLimits, defaultLimits } from './limits.ts';
import { LoopTurns } from './loop-turns.ts';
import { PacketGuard } from './packet-guard.ts';
import { PacketPace } from './packet-pace.ts';
import { endPolitely } from './polite-end.ts';
import { type Accept, type OpenPort, type Place, Ports } from './ports.ts';
import { authorizeForwardHook, authorizePublishHook } from './publish-hooks.ts';
import { DeviceCare } from './retained-care.ts';
import { SessionRegistry } from './session-registry.ts';
import { createSessions } from './sessions.ts';
import { standFor } from './set-aside.ts';
import { slowedTeller } from './slowed-teller.ts';
import { StallBound } from './stall-bound.ts';
import { authorizeSubscribeHook, filtersOf, watchSubscriptions } from './subscription-hooks.ts';
import { Takeovers } from './takeovers.ts';
import { type Found, faultOf, type TurnedAway, turnAway } from './turned-away.ts';
import { endUnread } from './unread-answers.ts';
import { watchErrors } from './watch-errors.ts';
import { writeWhole } from './whole-writes.ts';

export interface BrokerOptions {
  readonly entrance: Entrance;
  readonly persistence: MqttPersistence;
  readonly decisions: DecisionLog;
  readonly clock: Pick<Clock, 'now'>;
  readonly tls: TlsMaterial;
  readonly listen: Place;
  readonly websocket?: Place & { readonly path: string };
  readonly limits?: Partial<BrokerLimits>;
  /** Load balancers, whose connections must begin with a PROXY header; from any other address one is refused. */
  readonly proxies?: readonly Network[];
  /** Address blocks from which known certificates came, also before this start. */
  readonly known?: KnownBlocks;
}

export interface Broker {
  /** Binds the sockets; port 0 takes a free one. */
  listen(): Promise<{ readonly port: number; readonly websocketPort?: number }>;
  readonly sessions: Sessions;
  readonly announcer: Announcer;
  /** Admitted sessions whose connection has not closed. */
  readonly sessionCount: number;
  /** TCP connections that have not closed, handshakes in progress among them. */
  readonly connectionCount: number;
  sessionsIn(lane: Session['lane']): number;
  /** Sessions that came over a port which showed the chain of this root, whatever it shows now. */
  sessionsUnder(root: number): number;
  /** Was this filter granted to the session with this client id? For the persistence: aedes stores the refused ones too. */
  mayStore(clientId: string, filter: string): boolean;
  /** Has a session with this client id a connection? */
  isConnected(clientId: string): boolean;
  /** What the principal of the session with this name may cause. For the persistence: what a message costs it is its publisher's to pay. */
  allowanceOf(clientId: string): Allowance;
  /**
   * New key, certificates or CRL for connections to come, on the first port and the WebSocket's. Throws on PEM that does not parse;
   * the old stay in force.
   */
  setSecureContext(material: TlsMaterial): void;
  /**
   * Opens a further port for MQTT, with a chain of its own, behind the same door and limits. The material says which root the chain
   * leads to; a session knows the root of the port it came over. Over that of a control nobody gets a session.
   * Rejects with what the socket says where the port cannot be had, with NolapseError `ports_max` or `broker_closed`, and on PEM that
   * does not parse; nothing is open then.
   */
  open(place: Place, material: TlsMaterial): Promise<OpenPort>;
  /** Stops accepting, ends every session and resolves when aedes has closed. The persistence is its owner's to close. */
  close(): Promise<void>;
}

/** What the parts of one broker share. */
interface Works {
  readonly limits: BrokerLimits;
  readonly registry: SessionRegistry;
  /** That of the principal to whom the session with this name belongs, or belonged. */
  readonly budgetOf: (clientId: string) => Budget;
  /** By client: the TLS socket beneath it, which for a WebSocket is not its stream, and when bytes of it were read last. */
  readonly connections: WeakMap<object, { readonly socket: TLSSocket; readonly pace: Pick<PacketPace, 'readAt'> }>;
  readonly stalls: StallBound;
  readonly care: DeviceCare;
  readonly turns: LoopTurns;
  /** TLS sockets that are not closed yet. */
  readonly open: Set<TLSSocket>;
  readonly door: Door;
  readonly turnAway: TurnAway;
}

type TurnAway = (socket: TLSSocket, reason: TurnedAway, found?: Found) => void;

export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const { entrance, decisions } = options;
  const limits: BrokerLimits = { ...defaultLimits, ...options.limits };
  contextOptions(options.tls);
  const turns = new LoopTurns();
  const registry = new SessionRegistry(options.clock, decisions, entrance, limits.sessionsPerPrincipalMax, turns);
  const door = new Door({ ...options, limits, proxies: options.proxies ?? [] });
  const stalls = new StallBound(limits.stallMs);
  const sendAway: TurnAway = (socket, reason, found) => void turnAway({ entrance, decisions }, socket, reason, found);
  const budgetOf = (clientId: string) =>
    registry.byClientId(clientId)?.budget ?? registry.budgets.of(ownerOfSession(clientId));
  const works: Works = {
    limits,
    registry,
    budgetOf,
    care: new DeviceCare(decisions),
    connections: new WeakMap(),
    stalls,
    turns,
    open: new Set(),
    door,
    turnAway: sendAway,
  };
  const aedes = createAedes(options, works);
  await aedes.listen();
  const accept = acceptInto(aedes, options, works);
  const onNoWebSocket = (socket: TLSSocket): void => sendAway(socket, 'no_websocket');
  const ports = new Ports({ ...options, limits, door, accept, onNoWebSocket });
  const sweep = setInterval(() => registry.sweep(), limits.sweepMs);

  return {
    listen: () => ports.listen(),
    sessions: createSessions(registry, limits.sendMs),
    announcer: createAnnouncer(aedes),
    get sessionCount() {
      return registry.size;
    },
    get connectionCount() {
      return door.gate.open;
    },
    sessionsIn: (lane) => registry.count(({ session }) => session.lane === lane),
    sessionsUnder: (root) => registry.count(({ session }) => session.root === root),
    mayStore: (clientId, filter) => registry.byClientId(clientId)?.filters.has(filter) ?? false,
    isConnected: (clientId) => registry.byClientId(clientId) !== undefined,
    allowanceOf: (clientId) => works.budgetOf(clientId),
    setSecureContext: (material) => ports.setSecureContext(material),
    open: (place, material) => ports.open(place, material),
    close: async () => {
      ports.close();
      clearInterval(sweep);
      registry.endWithBroker();
      await new Promise<void>((resolve) => aedes.close(resolve));
      stalls.stop();
      for (const socket of works.open) socket.destroy();
      await door.gate.emptied(limits.lingerMs);
      door.gate.destroyAll();
      door.close();
    },
  };
}

function createAedes({ entrance, persistence, decisions }: BrokerOptions, works: Works): Aedes {
  const { limits, registry, connections, stalls, door, budgetOf } = works;
  const socketOf = (client: object): TLSSocket | undefined => connections.get(client)?.socket;
  const subscriptions = { entrance, registry, decisions, limits, retained: persistence, care: works.care };
  const fanOut = new FanOut<PublishPacket>(budgetOf);
  const aedes: Aedes = new Aedes({
    persistence: new AedesPersistence(persistence),
    mq: fanOut as unknown as NonNullable<AedesOptions['mq']>,
    ...aedesLimits(limits),
    ...admissionHooks({
      entrance,
      registry,
      decisions,
      limits,
      takeovers: new Takeovers(registry, entrance, (client) => connections.get(client)?.pace.readAt ?? 0),
      socketOf,
      rootOf: (socket) => door.rootOf(socket),
      turnAway: (client, reason, found) => {
        const socket = socketOf(client);
        if (socket) works.turnAway(socket, reason, found);
      },
      onAdmitted: (client) => {
        client.duplicates = duplicates();
        persistence.attend(client);
        deliverAsGranted(client, aedes.id, fanOut);
        stalls.apply(client);
        const socket = socketOf(client);
        if (socket) door.admitted(socket);
      },
      connect: (client, packet) => connectDirectly(aedes, persistence, client, packet),
    }),
    authorizePublish: authorizePublishHook({ entrance, registry, persistence, decisions }),
    authorizeForward: authorizeForwardHook({ registry, limits, brokerId: () => aedes.id }),
    authorizeSubscribe: authorizeSubscribeHook(subscriptions),
  });
  const duplicates = withoutDuplicateCheck(aedes.id);
  watchErrors(aedes, decisions, registry);
  watchSubscriptions(aedes, subscriptions);
  watchRegistrations(aedes, registry);
  return aedes;
}

/** Hands connections to aedes, with a guard before its parser. */
function acceptInto(
  aedes: Aedes,
  { decisions, persistence }: BrokerOptions,
  { limits, registry, connections, open, turns, care, turnAway }: Works,
): Accept {
  return (stream, socket, request) => {
    const address = socket.remoteAddress;
    const who = () => ({
      'client.address': address,
      'nolapse.principal': registry.of(client)?.session.principal.id,
      'nolapse.client_id': registry.of(client)?.shownClientId,
    });
    const pace = new PacketPace(limits.packetsPerSecondMax, turns, () => registry.of(client)?.budget);
    let isRefused = false;
    const reads = guardReads(stream, {
      guard: new PacketGuard({
        bytesMaxBeforeConnect: limits.packetBytesMaxBeforeConnect,
        bytesMax: limits.packetBytesMax,
        bytesMaxDiscarded: limits.packetBytesMaxDiscarded,
      }),
      pace,
      onFault: (fault) => {
        isRefused = true;
        if (registry.of(client)) {
          decisions.tell({ action: 'packet.refused', reason: fault, message: 'packet refused', fields: who() });
        } else turnAway(socket, fault);
        stream.destroy();
      },
      onSlowed: slowedTeller(decisions, who),
      // A large message may take a slow link longer than the keepalive lasts: its sender is not silent.
      onPart: () => client._keepaliveTimer?.refresh(),
      onOversized: (bytes) => client._parser.prependOnceListener('packet', (packet) => standFor(packet, bytes)),
    });
    const client = brokerClient(aedes.handle(stream, request));
    writeWhole(stream, () => endUnread(registry, client));
    parseDirectly(client._parser);
    client._parser.filters = filtersOf(client, registry, limits);
    const parse = client._parser.parse.bind(client._parser);
    client._parser.parse = (bytes) => reads.parse(() => parse(bytes));
    const leave = (error?: Error): void => {
      const live = registry.of(client);
      if (!live) {
        const fault = isRefused ? null : faultOf(client, error);
        if (fault) turnAway(socket, fault, { detail: (client._parser.error ?? error)?.message });
        return;
      }
      const newest = registry.byClientId(live.brokerClientId);
      const cause = endCauseOf({ client, live, newest, isRefused, error });
      const isFirst = registry.drop(client, { cause, silentMs: performance.now() - pace.readAt });
      if (!isFirst) return;
      persistence.leave(client, cause);
      care.ended(live, cause, pace.readAt);
    };
    endPolitely({
      stream,
      socket,
      lingerMs: limits.lingerMs,
      onEnd: (error) => {
        leave(error);
        // While the socket lingers nothing more of the client is taken.
        client.close();
      },
    });
    connections.set(client, { socket, pace });
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    stream.once('close', () => leave());
  };
}
