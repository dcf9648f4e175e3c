// The ports of a broker, all behind one door: the first, the WebSocket's, and further ones that are opened and closed while it runs,
// each with a chain of its own. It judges nobody: what comes of a connection is the same on every port.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { NolapseError } from '../domain/errors.ts';
import type { Door } from './door/door.ts';
import { createTlsListener, type Listener } from './door/tls-listener.ts';
import type { TlsMaterial } from './door/tls-options.ts';
import { createWebSocketListener } from './door/websocket-listener.ts';
import type { BrokerLimits } from './limits.ts';

/** Further ports that are open at a time: those of a next root, a control, and of roots that were given up and still have devices. */
export const furtherPortsMax = 8;

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** A further port that is open. */
export interface OpenPort {
  /** The one that was bound, also where 0 was asked for. */
  readonly port: number;
  /** New key, chain or hints for connections to come. Throws on PEM that does not parse; the old stay in force. */
  setSecureContext(material: TlsMaterial): void;
  /** Stops accepting and frees the port. Sessions that came over it live on. Closing twice is closing once. */
  close(): void;
}

export type Accept = (stream: Duplex, socket: TLSSocket, request?: IncomingMessage) => void;

export interface PortsOptions {
  readonly tls: TlsMaterial;
  readonly listen: Place;
  readonly websocket?: Place & { readonly path: string };
  readonly limits: BrokerLimits;
  readonly door: Door;
  readonly accept: Accept;
  /** A WebSocket's port was sent something else. */
  readonly onNoWebSocket: (socket: TLSSocket) => void;
}

export class Ports {
  readonly #options: PortsOptions;
  readonly #first: Listener;
  readonly #websocket: Listener | null;
  readonly #further = new Set<Listener>();
  #isClosed = false;

  constructor(options: PortsOptions) {
    this.#options = options;
    const { tls, websocket, door, limits, accept, onNoWebSocket } = options;
    this.#first = this.#create(tls);
    this.#websocket = websocket
      ? createWebSocketListener({
          tls,
          door,
          ...limits,
          path: websocket.path,
          onConnection: accept,
          onRefused: onNoWebSocket,
        })
      : null;
  }

  #create(tls: TlsMaterial): Listener {
    const { door, limits, accept } = this.#options;
    return createTlsListener({ tls, door, ...limits, onConnection: (socket) => accept(socket, socket) });
  }

  async listen(): Promise<{ readonly port: number; readonly websocketPort?: number }> {
    const { listen, websocket } = this.#options;
    const port = await this.#first.listen(listen.host, listen.port);
    if (!this.#websocket || !websocket) return { port };
    return { port, websocketPort: await this.#websocket.listen(websocket.host, websocket.port) };
  }

  async open({ host, port }: Place, material: TlsMaterial): Promise<OpenPort> {
    if (this.#isClosed) throw new NolapseError('broker_closed', 'the broker is closing: no port is opened any more');
    if (this.#further.size >= furtherPortsMax) {
      throw new NolapseError('ports_max', `port ${port} is not opened: ${furtherPortsMax} further ports are open`);
    }
    const listener = this.#create(material);
    const close = (): void => {
      if (this.#further.delete(listener)) listener.close();
    };
    this.#further.add(listener);
    try {
      const bound = await listener.listen(host, port);
      if (!this.#further.has(listener)) {
        throw new NolapseError('broker_closed', `port ${bound} was closed again: the broker is closing`);
      }
      return { port: bound, setSecureContext: (next) => listener.setSecureContext(next), close };
    } catch (error) {
      close();
      throw error;
    }
  }

  setSecureContext(material: TlsMaterial): void {
    this.#first.setSecureContext(material);
    this.#websocket?.setSecureContext(material);
  }

  close(): void {
    this.#isClosed = true;
    this.#first.close();
    this.#websocket?.close();
    for (const listener of this.#further) listener.close();
    this.#further.clear();
  }
}
