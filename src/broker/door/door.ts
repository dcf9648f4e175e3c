// What a connection passes before it speaks MQTT: a balancer's PROXY header, the limits by address, and a TLS handshake that costs
// everybody else a bounded part of the event loop. It judges no certificate: it asks whether the ledger knows one.
//
// A connection from a block that has shown known certificates goes to TLS directly. Any other is watched: its bytes are bounded until
// its handshake is complete, and each step is timed and has its turn until it turns out to be a known certificate's, which costs nothing.
import { BlockList, type Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import type { Entrance } from '../../app/session.ts';
import { addressBlock, type Network } from '../../domain/address-block.ts';
import { controlRoot } from '../../domain/trust-record.ts';
import { Turns } from '../../pacing/turns.ts';
import type { DecisionLog } from '../../ports/decision-log.ts';
import type { BrokerLimits } from '../limits.ts';
import { presentedBy } from '../peer-certificate.ts';
import { ConnectionGate } from './connection-gate.ts';
import { Excuses } from './excuses.ts';
import { neighbourTurns, strangerTurns, unprovenTurns } from './handshake-turns.ts';
import type { KnownBlocks } from './known-blocks.ts';
import { awaitProxyHeader } from './proxied.ts';
import { beneath, endOnlyWhatIsThere } from './tls-internals.ts';
import { WatchedStream } from './watched-stream.ts';

/** Bytes a client may send before its handshake is complete: a chain of ten certificates fits. */
export const handshakeBytesMax = 16 * 1024;
/** What a handshake costs where it was not timed: the fixed part, and what long chains add. */
const [handshakeCostMs, freeBytes, costMsPerByte] = [2, 4 * 1024, 6 / 1024];
/** What the handshake of a known certificate may cost without being charged. */
const freeMs = 20;
/** After a handshake that was not watched and was costly, all are watched for so long. */
const alarmMs = 3_600_000;
const closedEarly = 'the connection was closed before the handshake was complete';

/** What TLS says of a failed handshake: OpenSSL's reason, where there is one, without thread, function and line of its own source. */
const saidOf = (error: NodeJS.ErrnoException & { readonly reason?: unknown }): string =>
  `the TLS handshake failed: ${typeof error.reason === 'string' ? error.reason : error.message}`;

export interface DoorOptions {
  readonly limits: BrokerLimits;
  readonly decisions: DecisionLog;
  readonly entrance: Pick<Entrance, 'knows' | 'keptOut'>;
  /** Load balancers: connections from these addresses begin with a PROXY header. */
  readonly proxies: readonly Network[];
  readonly known?: KnownBlocks;
}

interface Arrival {
  readonly socket: Socket;
  readonly address: string;
  readonly block: string;
  readonly turns: Turns;
  /** The number of the root whose chain TLS shows it; {@link controlRoot}: one that nobody can trust. */
  readonly root: number;
  /** Null: it goes to TLS directly. */
  readonly watched: WatchedStream | null;
  handshakeBytes: number;
  /** Is the handshake complete, or has it failed? */
  isOver: boolean;
  /** Was its cost charged, or given back? */
  isSettled: boolean;
}

export class Door {
  readonly gate: ConnectionGate;
  readonly #options: DoorOptions;
  /** By what TLS reads from, and by the TLS socket above it. */
  readonly #arrivals = new WeakMap<object, Arrival>();
  readonly #strangers = new Turns(strangerTurns);
  /** Those from blocks that are known, where somebody has spent more than the block's share. */
  readonly #neighbours = new Turns(neighbourTurns);
  readonly #unproven = new Turns(unprovenTurns);
  readonly #proxies = new BlockList();
  /** Those that went to TLS directly and whose handshakes are not over. */
  readonly #direct = new Set<Arrival>();
  readonly #excuses = new Excuses();
  #alarmedUntil = Number.NEGATIVE_INFINITY;

  constructor(options: DoorOptions) {
    this.#options = options;
    this.gate = new ConnectionGate(options.limits, options.known);
    for (const { address, prefix, family } of options.proxies) this.#proxies.addSubnet(address, prefix, family);
  }

  /**
   * Puts the door before a TLS server. @returns what takes its TCP connections.
   * @param root the number of the root that the chain leads to which the server shows now.
   */
  before(server: TlsServer, root: () => number): (socket: Socket) => void {
    server.prependListener('secureConnection', (tls: TLSSocket) => this.#secured(tls));
    server.on('tlsClientError', (error: NodeJS.ErrnoException, tls) => this.#failed(tls, error));
    const hasProxies = this.#options.proxies.length > 0;
    return (socket) => {
      const { remoteAddress: peer } = socket;
      const isProxy = hasProxies && peer !== undefined && this.#isProxy(socket, peer);
      const refusal = isProxy ? this.gate.hold(socket) : null;
      const begin = (address: string): void => this.#begin(server, socket, address, root());
      if (!isProxy) begin(peer ?? '');
      else if (refusal) this.#refuse(socket, peer, refusal);
      else this.#awaitHeader(socket, peer, begin);
    };
  }

  #isProxy({ remoteFamily }: Socket, peer: string): boolean {
    return this.#proxies.check(peer, remoteFamily === 'IPv6' ? 'ipv6' : 'ipv4');
  }

  #awaitHeader(socket: Socket, peer: string, begin: (address: string) => void): void {
    awaitProxyHeader(socket, this.#options.limits.handshakeMs, {
      onSource: (source) => begin(source ?? peer),
      onFault: (detail) => this.#refuse(socket, peer, 'proxy_header', detail),
    });
  }

  /** The client behind this socket was admitted. */
  admitted(tls: TLSSocket): void {
    const arrival = this.#arrivals.get(tls);
    if (!arrival) return;
    this.gate.prove(arrival.socket);
    arrival.watched?.trust();
    this.#settle(arrival);
  }

  /** The number of the root whose chain the client behind this socket was shown; {@link controlRoot} where that is not known. */
  rootOf(tls: TLSSocket): number {
    return this.#arrivals.get(tls)?.root ?? controlRoot;
  }

  /** No descriptor was left for a connection: it was refused before that, unless the process has its files open elsewhere. */
  unaccepted({ message, code }: NodeJS.ErrnoException): void {
    this.#tell('', 'descriptors', message, { 'error.code': code });
  }

  close(): void {
    this.#strangers.stop();
    this.#neighbours.stop();
    this.#unproven.stop();
  }

  #begin(server: TlsServer, socket: Socket, address: string, root: number): void {
    const block = addressBlock(address);
    const refusal = this.gate.admit(socket, block);
    if (refusal) {
      this.#refuse(socket, address, refusal);
      return;
    }
    const isKnown = this.gate.isKnown(block);
    const turns = isKnown ? this.#neighbours : this.#strangers;
    const isDirect = isKnown && !turns.isInDebt(block) && performance.now() > this.#alarmedUntil;
    const watched = isDirect ? null : this.#watch(socket, turns, block);
    const arrival: Arrival = {
      socket,
      address,
      block,
      turns,
      root,
      watched,
      handshakeBytes: 0,
      isOver: false,
      isSettled: false,
    };
    const stream = watched ?? socket;
    this.#arrivals.set(stream, arrival);
    if (isDirect) this.#direct.add(arrival);
    stream
      .once('error', (error) => this.#fail(arrival, error.message))
      .once('close', () => this.#fail(arrival, closedEarly));
    server.emit('connection', stream);
  }

  #watch(socket: Socket, turns: Turns, block: string): WatchedStream {
    return new WatchedStream(socket, { turns, laterTurns: this.#unproven, block, bytesMax: handshakeBytesMax });
  }

  #secured(tls: TLSSocket): void {
    const arrival = this.#arrivals.get(beneath(tls) ?? tls);
    if (!arrival) return;
    this.#arrivals.set(tls, arrival);
    // The client's, also where a balancer or a watched stream is between.
    Object.defineProperty(tls, 'remoteAddress', { value: arrival.address });
    // It took this from what is beneath: its side is closed when what the client sent has been read to the end.
    tls.allowHalfOpen = false;
    this.#end(arrival);
    if (arrival.watched) endOnlyWhatIsThere(tls);
    arrival.watched?.complete();
    tls.once('close', () => this.#charge(arrival));
    if (!arrival.watched && arrival.handshakeBytes <= handshakeBytesMax) return;
    const judge = (isKnown: boolean): void => {
      // So that a fleet that comes back is held up by nothing: what it costs is not counted from here on. What a device sends
      // right behind its handshake is of no handshake.
      if (isKnown) {
        arrival.watched?.trust();
        this.#settle(arrival);
      } else if (!arrival.watched) this.#alarm();
    };
    this.#options.entrance.knows(presentedBy(tls)).then(judge, () => undefined);
  }

  #failed(tls: TLSSocket, error: NodeJS.ErrnoException): void {
    const stream = beneath(tls);
    // The handshake timeout only reports: without this the socket would stay open.
    tls.destroy();
    const arrival = stream && this.#arrivals.get(stream);
    if (arrival) this.#fail(arrival, saidOf(error), error.code);
  }

  #fail(arrival: Arrival, message: string, code?: string): void {
    if (arrival.isOver) return;
    this.#end(arrival);
    const { socket, address, block } = arrival;
    const hasBegun = socket.bytesRead > 0;
    // A balancer's probe that opens a connection and closes it has not begun a handshake.
    if (!hasBegun && code !== 'ERR_TLS_HANDSHAKE_TIMEOUT') return;
    if (!arrival.watched && arrival.handshakeBytes > handshakeBytesMax) this.#alarm();
    this.#charge(arrival);
    if (arrival.root === controlRoot) {
      this.#tell(address, 'control_untrusted', message, { 'error.code': code }, 'debug');
      return;
    }
    this.#tell(address, 'handshake_failed', message, { 'error.code': code });
    if (hasBegun && this.gate.mayBeKnown(block)) this.#options.entrance.keptOut(address, 'handshake_failed');
  }

  /** The handshake is over, well or not. */
  #end(arrival: Arrival): void {
    arrival.isOver = true;
    arrival.handshakeBytes = arrival.socket.bytesRead;
    this.#direct.delete(arrival);
  }

  /** One that was not watched was costly: from now on all are. */
  #alarm(): void {
    this.#alarmedUntil = performance.now() + alarmMs;
    // What others have sent already would be read in this very turn. Devices among them come again.
    for (const { socket } of this.#direct) socket.destroy();
  }

  /** It is somebody's whom the ledger knows: what was charged is given back. */
  #settle(arrival: Arrival): void {
    if (arrival.isSettled) return;
    arrival.isSettled = true;
    // What is costly is charged to a device too: it may have been stolen.
    if (arrival.watched) arrival.turns.charge(arrival.block, -Math.min(arrival.watched.spentMs, freeMs));
  }

  /** It was nobody's: a handshake that was not watched is charged by the bytes it took. */
  #charge(arrival: Arrival): void {
    const { handshakeBytes, turns, block, root } = arrival;
    if (arrival.isSettled) return;
    // That it does not go well there is what a device is to show.
    if (root === controlRoot && this.gate.isKnown(block) && this.#excuses.take(block, performance.now())) {
      this.#settle(arrival);
      return;
    }
    arrival.isSettled = true;
    if (arrival.watched) return;
    turns.charge(block, handshakeCostMs + Math.max(0, handshakeBytes - freeBytes) * costMsPerByte);
  }

  #refuse(socket: Socket, address: string, reason: string, message = 'too many connections'): void {
    socket.destroy();
    this.#tell(address, reason, message);
    if (this.gate.mayBeKnown(addressBlock(address))) this.#options.entrance.keptOut(address, reason);
  }

  #tell(
    address: string,
    reason: string,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    level: 'debug' | null = null,
  ): void {
    this.#options.decisions.tell({
      action: 'connection.refused',
      ...(level && { level }),
      reason,
      message,
      fields: { 'client.address': address, ...fields },
    });
  }
}
