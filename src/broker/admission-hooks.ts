// CONNECT: asks the application for its verdict before aedes answers, and turns the verdict into a CONNACK. It judges only
// what MQTT itself forbids.
import type { TLSSocket } from 'node:tls';
import type { AedesOptions } from 'aedes';
import type { Admission, ConnectFacts, Entrance, Session } from '../app/session.ts';
import { mayPublish } from '../domain/acl.ts';
import { laneSessionName, sessionName } from '../domain/client-id.ts';
import { isReserved, isTopicName, isWellFormed } from '../domain/topics.ts';
import { controlRoot } from '../domain/trust-record.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import { type BrokerClient, brokerClient, type ConnectPacket } from './aedes-internals.ts';
import type { BrokerLimits } from './limits.ts';
import { forgetIssuers, presentedBy } from './peer-certificate.ts';
import type { SessionRegistry } from './session-registry.ts';
import type { Takeovers } from './takeovers.ts';
import type { Found, TurnedAway } from './turned-away.ts';

type PreConnect = NonNullable<AedesOptions['preConnect']>;
type Authenticate = NonNullable<AedesOptions['authenticate']>;

/** Return codes of CONNACK (MQTT 3.1.1, 3.2.2.3). */
const identifierRejected = 2;
const serverUnavailable = 3;
const notAuthorized = 5;

/** CONNACK with code 1, unacceptable protocol version [MQTT-3.1.2-2]. */
const unacceptableVersion = Buffer.from([0x20, 2, 0, 1]);
/** The same in the form of MQTT 5 (3.2.2.2): reason 0x84, Unsupported Protocol Version, and no properties. */
const unsupportedVersion5 = Buffer.from([0x20, 3, 0, 0x84, 0]);

export interface AdmissionOptions {
  readonly entrance: Entrance;
  readonly registry: SessionRegistry;
  readonly takeovers: Takeovers;
  readonly decisions: DecisionLog;
  readonly limits: BrokerLimits;
  /** The TLS socket beneath a client, which for a WebSocket is not its stream. */
  readonly socketOf: (client: object) => TLSSocket | undefined;
  /** The number of the root whose chain the client was shown; {@link controlRoot}: one that nobody can trust. */
  readonly rootOf: (socket: TLSSocket) => number;
  /** Tells of a client that is not even judged. To be called before its connection is ended. */
  readonly turnAway: (client: object, reason: TurnedAway, found?: Found) => void;
  /** Called once a client has been admitted, before CONNACK. */
  readonly onAdmitted: (client: BrokerClient) => void;
  /** Carries out a CONNECT for a clean session, as {@link connectDirectly} does. */
  readonly connect: (client: BrokerClient, packet: ConnectPacket) => Promise<boolean>;
}

export function admissionHooks(options: AdmissionOptions): { preConnect: PreConnect; authenticate: Authenticate } {
  const { limits, turnAway } = options;
  const verdicts = new Verdicts(options);
  return {
    preConnect: (mqttClient, packet, callback) => {
      const client = brokerClient(mqttClient);
      const socket = options.socketOf(client);
      // Until the verdict is in, nothing more is read than has been.
      client.pause();
      if (packet.protocolVersion !== 3 && packet.protocolVersion !== 4) {
        const level = packet.protocolVersion ?? 0;
        turnAway(client, 'protocol_version', { detail: `level ${level}`, level });
        client.conn.write(packet.protocolVersion === 5 ? unsupportedVersion5 : unacceptableVersion);
        client.conn.destroy();
        return callback(null, false);
      }
      if (socket && options.rootOf(socket) === controlRoot) {
        void verdicts.reveal(client, socket).then(() => callback(null, true));
        return;
      }
      if (!socket || !isHarmlessClientId(packet.clientId, limits.clientIdCharactersMax)) {
        verdicts.refuse(client, identifierRejected);
        turnAway(client, 'client_id_not_allowed');
        return callback(null, true);
      }
      packet.keepalive = Math.min(packet.keepalive || limits.keepaliveSecondsMax, limits.keepaliveSecondsMax);
      void verdicts.reach(client, socket, packet).then(() => {
        forgetIssuers(socket);
        if (!packet.clean || verdicts.take(client) !== 0) return callback(null, true);
        // Not to go on is to aedes to read on, and a fault to end the client.
        const goOn = (isConnected: boolean): void => void (isConnected && callback(null, false));
        options.connect(client, packet).then(goOn, (error: Error) => callback(error, false));
      });
    },
    authenticate: (client, _username, _password, callback) => {
      const returnCode = verdicts.take(client);
      if (returnCode === 0) return callback(null, true);
      callback(Object.assign(new Error('refused'), { returnCode }), false);
    },
  };
}

/** What clients that have sent CONNECT are to be answered. */
class Verdicts {
  readonly #options: AdmissionOptions;
  /** The return code for each client refused. */
  readonly #refusals = new WeakMap<object, number>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  refuse(client: object, returnCode: number): void {
    this.#refusals.set(client, returnCode);
  }

  /** The return code for this client; who was neither refused nor admitted is not let in. */
  take(client: object): number {
    return this.#refusals.get(client) ?? (this.#options.registry.of(client) ? 0 : notAuthorized);
  }

  /** Whoever sends CONNECT where nobody can trust the chain has not verified it: it is told, and refused. Resolves in any case. */
  async reveal(client: object, socket: TLSSocket): Promise<void> {
    this.refuse(client, notAuthorized);
    try {
      await this.#options.entrance.cameToControl(presentedBy(socket), socket.remoteAddress ?? '');
    } catch (error) {
      this.#tellFailure(error);
    }
    forgetIssuers(socket);
  }

  /** Asks the application, and takes in the session it admits. Resolves in any case. */
  async reach(client: BrokerClient, socket: TLSSocket, packet: ConnectPacket): Promise<void> {
    const { takeovers } = this.#options;
    const facts = {
      presented: presentedBy(socket),
      clientId: packet.clientId,
      // MQTT 3.1 knows no client without an id, and a session that is kept needs one [MQTT-3.1.3-8].
      mayAssign: packet.clean === true && packet.protocolVersion === 4,
      remoteAddress: socket.remoteAddress ?? '',
      root: this.#options.rootOf(socket),
    };
    try {
      for (;;) {
        const early = await this.#tryOnce(client, socket, packet, facts);
        if (early === null) return;
        // What held while it waited may hold no longer: it is judged again.
        if (await takeovers.turn(early)) continue;
        return this.refuse(client, serverUnavailable);
      }
    } catch (error) {
      this.refuse(client, serverUnavailable);
      this.#tellFailure(error);
    }
  }

  #tellFailure(error: unknown): void {
    this.#options.decisions.tell({
      action: 'admission.failed',
      level: 'error',
      message: error instanceof Error ? error.message : 'the application could not judge a connect',
    });
  }

  /** @returns null once the verdict has been carried out; whoever comes too early for a session that another one has. */
  async #tryOnce(client: BrokerClient, socket: TLSSocket, packet: ConnectPacket, facts: ConnectFacts) {
    const { entrance, registry, takeovers, onAdmitted } = this.#options;
    const pending = registry.begin();
    try {
      const admission = await entrance.admit(facts);
      if (!admission.admitted || client.closed) {
        this.#settle(client, packet, admission);
        return null;
      }
      const { session } = admission;
      const newcomer = { client, address: facts.remoteAddress, session, name: nameOf(session) };
      if (takeovers.mustWait(newcomer)) return newcomer;
      this.#settle(client, packet, admission);
      takeovers.begins(newcomer);
      if (registry.admit(pending, client, socket, session, packet.clientId)) onAdmitted(client);
      else this.refuse(client, notAuthorized);
      return null;
    } finally {
      registry.abandon(pending);
    }
  }

  #settle(client: BrokerClient, packet: ConnectPacket, admission: Admission): void {
    if (!admission.admitted) {
      this.refuse(client, admission.reason === 'client_id_mismatch' ? identifierRejected : notAuthorized);
      return;
    }
    const { session } = admission;
    // From here on it is the name of the session, to aedes and to the store.
    packet.clientId = nameOf(session);
    if (session.lane === 'renew-only') {
      packet.clean = true;
      delete packet.will;
    } else dropForbiddenWill(packet, session, this.#options.entrance);
  }
}

function nameOf({ lane, principal, clientId }: Session): string {
  return (lane === 'full' ? sessionName : laneSessionName)(principal.id, clientId);
}

/** No control characters, and bounded; what else an id may look like is the application's to say. */
function isHarmlessClientId(clientId: string, charactersMax: number): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones refused [MQTT-1.5.3-2].
  return clientId.length <= charactersMax && !/[\u0000-\u001f\u007f-\u009f]/.test(clientId);
}

/** A will is judged when it is made: when it is published its client, or this process, may be gone. */
function dropForbiddenWill(packet: ConnectPacket, session: Session, entrance: Entrance): void {
  const topic = packet.will?.topic;
  if (topic === undefined || mayLeaveWill(session, topic)) return;
  delete packet.will;
  // A mosquitto bridge leaves its state under $SYS/ by default, and means no harm.
  if (!topic.startsWith('$SYS/')) entrance.denied(session, 'publish', topic);
}

function mayLeaveWill(session: Session, topic: string): boolean {
  // No wildcards in a topic name [MQTT-3.3.2-2], and none of the server's own topics: enrollment is spoken alive.
  return isTopicName(topic) && isWellFormed(topic) && !isReserved(topic) && mayPublish(session.access, topic);
}
