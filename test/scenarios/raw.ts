// A client that sends whatever bytes it is given and acknowledges nothing by itself, over real TLS.
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { closed, connectPacket } from '../broker/harness.ts';
import type { Credentials } from './harness.ts';

export class Raw {
  readonly socket: TLSSocket;
  /** What it was sent, CONNACK first. */
  readonly packets: Packet[] = [];
  readonly #closed: Promise<void>;
  readonly #waiting = new Set<() => void>();

  private constructor(port: number, credentials: Credentials) {
    this.socket = connect({
      host: 'localhost',
      port,
      cert: credentials.certificatePem,
      key: credentials.keyPem,
      rejectUnauthorized: false,
    });
    this.#closed = closed(this.socket);
    this.socket.on('error', () => undefined);
    const parser = mqttPacket.parser();
    parser.on('packet', (packet) => this.packets.push(packet));
    this.socket.on('data', (chunk: Buffer) => {
      parser.parse(chunk);
      this.#look();
    });
    this.socket.on('close', () => this.#look());
  }

  /** Resolves once CONNACK is there. */
  static async connect(port: number, credentials: Credentials, clientId: string, options: object = {}): Promise<Raw> {
    const raw = new Raw(port, credentials);
    await once(raw.socket, 'secureConnect');
    raw.socket.write(connectPacket(clientId, options));
    await raw.until(() => raw.packets.length > 0);
    return raw;
  }

  send(...packets: readonly Packet[]): void {
    this.socket.write(Buffer.concat(packets.map((packet) => mqttPacket.generate(packet))));
  }

  of<C extends Packet['cmd']>(cmd: C): Extract<Packet, { cmd: C }>[] {
    return this.packets.filter((packet): packet is Extract<Packet, { cmd: C }> => packet.cmd === cmd);
  }

  /** Waits for packets to come until it is so; rejects when the connection ends first. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.socket.destroyed) throw new Error(`the connection ended; it brought ${JSON.stringify(this.packets)}`);
      await new Promise<void>((wake) => this.#waiting.add(wake));
    }
  }

  /** The next packets of this kind that it has, so many in all. */
  async next<C extends Packet['cmd']>(cmd: C, count = 1): Promise<Extract<Packet, { cmd: C }>[]> {
    await this.until(() => this.of(cmd).length >= count);
    return this.of(cmd);
  }

  /** Resolves when the connection has ended, whoever ended it. */
  ended(): Promise<void> {
    return this.#closed;
  }

  destroy(): Promise<void> {
    this.socket.destroy();
    return this.ended();
  }

  #look(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

export function publishPacket(topic: string, payload: string | Buffer, more: object = {}): Packet {
  return { cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false, ...more } as Packet;
}
