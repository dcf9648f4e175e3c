// A running broker with an application that answers by a table, and clients to talk to it. Everything it opened it closes.
import { createHash, randomBytes } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import memory from 'aedes-persistence';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import mqttPacket, { type Packet } from 'mqtt-packet';
import type { Admission, ConnectFacts, Entrance, Session } from '../../src/app/session.ts';
import { type Broker, type BrokerOptions, createBroker } from '../../src/broker/broker.ts';
import { framed } from '../../src/broker/framed.ts';
import type { BrokerLimits } from '../../src/broker/limits.ts';
import { type AccessTemplate, accessOf, defaultTemplates } from '../../src/domain/acl.ts';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import { assignedBytes, assignedClientId } from '../../src/domain/client-id.ts';
import type { Takeover } from '../../src/domain/contest.ts';
import type { EndCause, SessionEnd } from '../../src/domain/disconnection.ts';
import type { PrincipalId, PrincipalKind } from '../../src/domain/principal.ts';
import { matches } from '../../src/domain/topics.ts';
import type { Decision } from '../../src/ports/decision-log.ts';
import type { Acknowledgement, MqttClient as KeptClient, PublishPacket } from '../../src/ports/mqtt-packets.ts';
import type { MqttPersistence } from '../../src/ports/mqtt-persistence.ts';
import { principal as principalOf } from '../domain/samples.ts';
import { type Credential, createTestAuthority, type TestAuthority } from './test-pki.ts';

/** What aedes-persistence's in-memory store calls streams; its own types describe an older, callback interface. */
interface InMemory extends MqttPersistence {
  outgoingStream: MqttPersistence['outgoing'];
  streamWill: MqttPersistence['wills'];
  getClientList: MqttPersistence['clientsWith'];
}

/** That store as the broker wants it: clearing nothing for a packet without a message id, and with what it asks beyond aedes's. */
export function memoryPersistence(): MqttPersistence {
  const inner = (memory as unknown as () => InMemory)();
  const { outgoingClearMessageId, storeRetained } = inner;
  const retained = new Map<string, PublishPacket>();
  return Object.assign(inner, {
    sessions: {
      forgetPrincipal: async () => undefined,
      forgetClaimed: async () => undefined,
      forgetAbsent: async function* () {},
    },
    outgoing: (client: KeptClient) => inner.outgoingStream(client),
    wills: (alive?: Readonly<Record<string, unknown>>) => inner.streamWill(alive),
    clientsWith: (filter: string) => inner.getClientList(filter),
    outgoingClearMessageId: async (client: KeptClient, packet: Acknowledgement) =>
      packet.messageId === undefined ? undefined : outgoingClearMessageId.call(inner, client, packet),
    storeAhead: async (_packet: PublishPacket): Promise<void> => undefined,
    attend: () => undefined,
    leave: () => undefined,
    takeRoom: () => true,
    storeRetained: (packet: PublishPacket): Promise<void> => {
      if (packet.payload.length > 0) retained.set(packet.topic, packet);
      else retained.delete(packet.topic);
      return storeRetained.call(inner, packet);
    },
    retainedOf: async (topic: string) => retained.get(topic),
    walkRetained: (filter: string) => {
      const walk = {
        isOver: false,
        page: async () => {
          walk.isOver = true;
          const found = [...retained.keys()].filter((topic) => matches(filter, topic));
          return { rows: retained.size, found: found.map((topic) => ({ topic, bytes: topic.length })) };
        },
      };
      return walk;
    },
  });
}

export { framed };

export class FakeEntrance implements Entrance {
  readonly admitted: ConnectFacts[] = [];
  readonly received: { session: Session; topic: string; payload: string }[] = [];
  readonly listeners: Session[] = [];
  /** Client ids of the sessions that came and have not left. */
  readonly present: string[] = [];
  readonly ends: { clientId: string; cause: EndCause; silentMs: number }[] = [];
  /** Why connections ended before they were judged. */
  readonly away: string[] = [];
  readonly denials: { action: string; topic: string }[] = [];
  readonly keptOutFrom: { address: string; reason: string }[] = [];
  readonly dropped: { id: string; topic: string; bytes: number }[] = [];
  readonly ledger = new Map<Fingerprint, Omit<Session, 'clientId' | 'root'>>();
  readonly services = new Map<string, AccessTemplate>();
  /** Whom each gateway may hear. */
  readonly spokenFor = new Map<string, string[]>();
  mayLeaveWill = (): boolean => true;
  /** Whose telemetry each gateway may carry. */
  readonly carried = new Map<string, string[]>();
  /** Awaited before each verdict. */
  before: () => Promise<void> = async () => undefined;
  onReceive: () => Promise<void> = async () => undefined;

  know(credential: Credential, id: string, options: Partial<Session> & { kind?: PrincipalKind } = {}): void {
    const principal = principalOf({ id: id as PrincipalId, kind: options.kind ?? 'device' });
    const lane = options.lane ?? 'full';
    const access = accessOf(principal, lane, { kinds: defaultTemplates, principals: this.services });
    const endsAt = options.endsAt ?? Date.now() + 3_600_000;
    const { fingerprint } = credential;
    const introduced = options.introduced ?? false;
    this.ledger.set(fingerprint, { principal, lane, access, endsAt, fingerprint, introduced });
  }

  async admit(facts: ConnectFacts): Promise<Admission> {
    this.admitted.push(facts);
    await this.before();
    const { der } = facts.presented;
    if (!der) return { admitted: false, reason: 'no_certificate' };
    const entry = this.ledger.get(createHash('sha256').update(der).digest('hex') as Fingerprint);
    if (!entry) return { admitted: false, reason: 'unknown_certificate' };
    const { id } = entry.principal;
    const { root } = facts;
    if (facts.clientId === '' && facts.mayAssign) {
      return {
        admitted: true,
        session: { ...entry, root, clientId: assignedClientId(id, randomBytes(assignedBytes)) },
      };
    }
    if (facts.clientId !== id && !facts.clientId.startsWith(`${id}:`)) {
      return { admitted: false, reason: 'client_id_mismatch' };
    }
    return { admitted: true, session: { ...entry, root, clientId: facts.clientId } };
  }

  async knows({ der }: ConnectFacts['presented']): Promise<boolean> {
    return der !== null && this.ledger.has(createHash('sha256').update(der).digest('hex') as Fingerprint);
  }

  /** From where CONNECT came on a control. */
  readonly controlled: string[] = [];

  async cameToControl(_presented: ConnectFacts['presented'], remoteAddress: string): Promise<void> {
    this.controlled.push(remoteAddress);
  }

  async turnedAway({ der }: ConnectFacts['presented'], reason: string): Promise<PrincipalId | null> {
    this.away.push(reason);
    const entry = der && this.ledger.get(createHash('sha256').update(der).digest('hex') as Fingerprint);
    return entry?.principal.id ?? null;
  }

  /** How long a session is kept from being taken over. */
  tenure = 0;
  readonly takeovers: Takeover[] = [];

  tenureMs(): number {
    return this.tenure;
  }

  tookOver(_session: Session, takeover: Takeover): void {
    this.takeovers.push(takeover);
  }

  came(session: Session): void {
    this.present.push(session.clientId);
  }

  left(session: Session, end: SessionEnd): void {
    this.ends.push({ clientId: session.clientId, ...end });
    this.present.splice(this.present.indexOf(session.clientId), 1);
  }

  async receive(session: Session, topic: string, payload: Uint8Array): Promise<void> {
    await this.onReceive();
    this.received.push({ session, topic, payload: Buffer.from(payload).toString() });
  }

  hears(session: Session, topic: string): boolean {
    return this.spokenFor.get(session.principal.id)?.some((id) => topic.startsWith(`$enroll/1/${id}/`)) ?? false;
  }

  carries(session: Session, device: PrincipalId): boolean {
    return this.carried.get(session.principal.id)?.includes(device) ?? false;
  }

  listening(session: Session): void {
    this.listeners.push(session);
  }

  denied(_session: Session, action: 'publish' | 'subscribe', topic: string): void {
    this.denials.push({ action, topic });
  }

  keptOut(address: string, reason: string): void {
    this.keptOutFrom.push({ address, reason });
  }

  oversized({ principal }: Session, topic: string, bytes: number): void {
    this.dropped.push({ id: principal.id, topic, bytes });
  }
}

export class House {
  readonly authority: TestAuthority;
  readonly server: Credential;
  readonly entrance = new FakeEntrance();
  readonly decisions: Decision[] = [];
  readonly persistence = memoryPersistence();
  readonly #closers: (() => unknown)[] = [];
  #broker: Broker | null = null;
  port = 0;
  websocketPort = 0;

  private constructor(authority: TestAuthority, server: Credential) {
    this.authority = authority;
    this.server = server;
  }

  static async open(limits: Partial<BrokerLimits> = {}, options: Partial<BrokerOptions> = {}): Promise<House> {
    const authority = await createTestAuthority();
    const house = new House(authority, await authority.issue('localhost', { server: true }));
    house.#broker = await createBroker({
      entrance: house.entrance,
      persistence: house.persistence,
      decisions: { tell: (decision) => house.decisions.push(decision) },
      clock: { now: () => Date.now() },
      tls: { key: house.server.key, cert: house.server.cert, ca: [authority.ca] },
      listen: { host: '127.0.0.1', port: 0 },
      limits: { sweepMs: 100, ...limits },
      ...options,
    });
    const ports = await house.broker.listen();
    house.port = ports.port;
    house.websocketPort = ports.websocketPort ?? 0;
    return house;
  }

  get broker(): Broker {
    if (!this.#broker) throw new Error('the broker is not open');
    return this.#broker;
  }

  /** A credential of an active principal that the application knows. */
  async device(id: string, options: Partial<Session> & { kind?: PrincipalKind } = {}): Promise<Credential> {
    const credential = await this.authority.issue(id);
    this.entrance.know(credential, id, options);
    return credential;
  }

  /** A service with its own access lists. */
  async service(id: string, access: AccessTemplate): Promise<Credential> {
    this.entrance.services.set(id, access);
    return this.device(id, { kind: 'service' });
  }

  client(credential: Credential | null, clientId: string, options: IClientOptions = {}): MqttClient {
    const client = mqtt.connect({
      protocol: 'mqtts',
      host: '127.0.0.1',
      port: this.port,
      ca: this.authority.ca,
      ...(credential ? { cert: credential.cert, key: credential.key } : {}),
      servername: 'localhost',
      clientId,
      reconnectPeriod: 0,
      protocolVersion: 4,
      ...options,
    } as IClientOptions);
    client.on('error', () => undefined);
    this.#closers.push(() => client.end(true));
    return client;
  }

  async connected(credential: Credential, clientId: string, options: IClientOptions = {}): Promise<MqttClient> {
    const client = this.client(credential, clientId, options);
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      client.once('close', () => reject(new Error('closed before CONNACK')));
    });
    return client;
  }

  /** The CONNACK return code a refused client was told. */
  async refusal(credential: Credential | null, clientId: string, options: IClientOptions = {}): Promise<number> {
    const client = this.client(credential, clientId, options);
    const codes: number[] = [];
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'connack') codes.push(packet.returnCode ?? packet.reasonCode ?? -1);
    });
    await closed(client);
    return codes[0] ?? -1;
  }

  /** A bare TLS socket, for what no MQTT client would send. */
  async raw(credential: Credential | null, options: object = {}): Promise<TLSSocket> {
    const socket = connect({
      host: '127.0.0.1',
      port: this.port,
      ca: this.authority.ca,
      servername: 'localhost',
      ...(credential ? { cert: credential.cert, key: credential.key } : {}),
      ...options,
    });
    socket.on('error', () => undefined);
    this.#closers.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  }

  onClose(close: () => unknown): void {
    this.#closers.push(close);
  }

  told(action: string): Decision[] {
    return this.decisions.filter((decision) => decision.action === action);
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close();
    await this.#broker?.close();
  }
}

/** Resolves at `close`, whatever errors came before it. */
export function closed(emitter: unknown): Promise<void> {
  const { promise, resolve } = withResolvers();
  (emitter as EventEmitter).once('close', resolve);
  return promise;
}

export function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Waits until `condition` holds: for what has no event to wait for. */
export async function until(condition: () => boolean, withinMs = 60_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${condition}`);
    // Of Node's own: another file that comes to this process later may have put timers of its own in place.
    await pause(5);
  }
}

export function generate(packet: Packet): Buffer {
  return mqttPacket.generate(packet);
}

export function connectPacket(clientId: string, options: object = {}): Buffer {
  return generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    keepalive: 0,
    clientId,
    ...options,
  } as Packet);
}

/** A PUBLISH whose topic is these bytes, whatever they are. */
export function publishBytes(topic: Uint8Array | string, qos: 0 | 1 | 2, payload: Uint8Array, messageId = 7): Buffer {
  const name = Buffer.from(topic);
  const head = Buffer.alloc(2 + name.length + (qos > 0 ? 2 : 0));
  head.writeUInt16BE(name.length, 0);
  name.copy(head, 2);
  if (qos > 0) head.writeUInt16BE(messageId, 2 + name.length);
  return framed(0x30 | (qos << 1), Buffer.concat([head, payload]));
}

/** The packets a socket receives from now on. */
export function packetsOf(socket: TLSSocket): Packet[] {
  const packets: Packet[] = [];
  const parser = mqttPacket.parser();
  parser.on('packet', (packet) => packets.push(packet));
  socket.on('data', (chunk) => parser.parse(chunk));
  return packets;
}

/** Collects `topic payload` lines of what a client receives. */
export function inbox(client: MqttClient): string[] {
  const lines: string[] = [];
  client.on('message', (topic, payload) => lines.push(`${topic} ${payload}`));
  return lines;
}
