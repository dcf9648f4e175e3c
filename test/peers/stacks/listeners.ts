// TLS servers with the broker's own TLS options, one for each chain and version of TLS. Each tells of a connection what became of it:
// whether a CONNECT came over it with the device's certificate, and the alert it ended with.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { serverOptions } from '../../../src/broker/door/tls-options.ts';
import { type Chains, type Scene, scenes } from './chains.ts';
import type { Version } from './table.ts';

const handshakeMs = 15_000;
const connack = Buffer.of(0x20, 2, 0, 0);
/** MQTT 3.1.1, 3.14: a DISCONNECT ends what every client here sends. */
const disconnect = Buffer.of(0xe0, 0);
const response = 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n';

/** What a server saw of one connection. */
export interface Seen {
  readonly scene: Scene;
  readonly version: Version;
  /** The handshake was complete, as far as the server can tell. */
  readonly handshake: boolean;
  /** A request came after the handshake: a CONNECT, or curl's GET. */
  readonly served: boolean;
  /** The device's certificate came with it. */
  readonly identified: boolean;
  /** What SNI said; null: nothing, or it is not known. */
  readonly name: string | null;
  /** The alert that it ended with, in lower case; null: none. */
  readonly alert: string | null;
}

/** OpenSSL's reason for an alert that came: `ERR_SSL_TLSV1_ALERT_UNKNOWN_CA`, `ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE`. */
function alertOf(error: NodeJS.ErrnoException | null): string | null {
  return /_ALERT_(\w+)$/.exec(error?.code ?? '')?.[1]?.toLowerCase() ?? null;
}

export class Listeners {
  readonly #servers = new Map<string, Server>();
  readonly #waiting: ((seen: Seen) => void)[] = [];
  readonly #device: Buffer;

  private constructor({ device }: Chains) {
    this.#device = new X509Certificate(device.certificatePem).raw;
  }

  static async open(chains: Chains, versions: readonly Version[]): Promise<Listeners> {
    const listeners = new Listeners(chains);
    for (const version of versions) {
      for (const scene of scenes) {
        const range = { minVersion: version, maxVersion: version };
        const server = createServer({ ...serverOptions(chains.materials[scene], handshakeMs), ...range });
        listeners.#servers.set(`${scene} ${version}`, server);
        server.on('secureConnection', (socket) => listeners.#serve({ scene, version }, socket));
        server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
          listeners.#tell({
            scene,
            version,
            handshake: false,
            served: false,
            identified: false,
            name: null,
            alert: alertOf(error),
          });
          socket.destroy();
        });
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
      }
    }
    return listeners;
  }

  port(scene: Scene, version: Version): number {
    const server = this.#servers.get(`${scene} ${version}`);
    if (!server) throw new Error(`no server shows ${scene} over ${version}`);
    return (server.address() as AddressInfo).port;
  }

  /** The connection that ends next. */
  next(): Promise<Seen> {
    return new Promise((settle) => this.#waiting.push(settle));
  }

  async close(): Promise<void> {
    for (const server of this.#servers.values()) {
      server.close();
      await once(server, 'close');
    }
  }

  #serve(where: Pick<Seen, 'scene' | 'version'>, socket: TLSSocket): void {
    const identified = socket.getPeerX509Certificate()?.raw.equals(this.#device) ?? false;
    // On the server's side it is what SNI said.
    const { servername } = socket as { readonly servername?: string | false };
    let error: NodeJS.ErrnoException | null = null;
    let served = false;
    socket.on('data', (data: Buffer) => {
      const isHttp = data.toString('latin1').startsWith('GET ');
      if (!served && isHttp) socket.end(response);
      else if (!served) socket.write(connack);
      served = true;
      if (!isHttp && data.subarray(-2).equals(disconnect)) socket.end();
    });
    socket.on('error', (fault) => {
      error = fault;
    });
    socket.once('close', () =>
      this.#tell({ ...where, handshake: true, served, identified, name: servername || null, alert: alertOf(error) }),
    );
  }

  #tell(seen: Seen): void {
    const settle = this.#waiting.shift();
    if (!settle) throw new Error(`somebody connected unasked to ${seen.scene}`);
    settle(seen);
  }
}
