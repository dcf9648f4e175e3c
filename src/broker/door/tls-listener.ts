// MQTT over TLS: accepts, has the door pass each connection, shakes hands, and hands the socket on. It judges no certificate.
import { createServer as createTcpServer, type Server } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { firstRoot } from '../../domain/trust-record.ts';
import type { Door } from './door.ts';
import { contextOptions, serverOptions, type TlsMaterial } from './tls-options.ts';

export interface Listener {
  /** Resolves with the port that was bound. */
  listen(host: string, port: number): Promise<number>;
  /** Swaps key, certificates and CRL for handshakes to come; live connections stay. Throws on bad PEM and keeps the old. */
  setSecureContext(material: TlsMaterial): void;
  /** Stops accepting, and frees the port. Connections that are there live on, handshakes in progress among them. */
  close(): void;
}

export interface TlsListenerOptions {
  readonly tls: TlsMaterial;
  readonly handshakeMs: number;
  readonly door: Door;
  readonly onConnection: (socket: TLSSocket) => void;
}

export function createTlsListener(options: TlsListenerOptions): Listener {
  const server = createTlsServer(serverOptions(options.tls, options.handshakeMs));
  server.on('secureConnection', options.onConnection);
  return behindDoor(server, options);
}

/** Puts the door's TCP server before a TLS one, so that a connection too many costs no TLS state. */
export function behindDoor(server: TlsServer, { tls, door }: Pick<TlsListenerOptions, 'tls' | 'door'>): Listener {
  let { root = firstRoot } = tls;
  const tcp = createTcpServer(
    { noDelay: true },
    door.before(server, () => root),
  );
  return {
    listen: async (host, port) => {
      const bound = await bind(tcp, host, port);
      // Unheard, it would end the process.
      tcp.on('error', (error) => door.unaccepted(error));
      return bound;
    },
    setSecureContext: (material) => {
      server.setSecureContext(contextOptions(material));
      root = material.root ?? firstRoot;
    },
    close: () => {
      tcp.close();
      server.close();
    },
  };
}
/** Connections that may wait to be accepted, as far as the system lets them: beyond these a device tries again, a second later at first. */
const backlog = 4_096;

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog }, () => {
      server.removeListener('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
