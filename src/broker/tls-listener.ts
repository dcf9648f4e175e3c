// MQTT over TLS: accepts, counts, shakes hands, and hands the socket on. It judges no certificate.
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Journal } from '../ports/journal.ts';
import type { ConnectionGate } from './connection-gate.ts';
import { contextOptions, serverOptions, type TlsMaterial } from './tls-options.ts';

export interface Listener {
  /** Resolves with the port that was bound. */
  listen(host: string, port: number): Promise<number>;
  /** Swaps key, certificates and CRL for handshakes to come; live connections stay. Throws on bad PEM and keeps the old. */
  setSecureContext(material: TlsMaterial): void;
  /** Stops accepting; resolves when the listening socket is closed. */
  close(): void;
}

export interface TlsListenerOptions {
  readonly tls: TlsMaterial;
  readonly handshakeMs: number;
  readonly gate: ConnectionGate;
  readonly journal: Journal;
  readonly onConnection: (socket: TLSSocket) => void;
}

export function createTlsListener(options: TlsListenerOptions): Listener {
  const server = createTlsServer(serverOptions(options.tls, options.handshakeMs));
  server.on('secureConnection', options.onConnection);
  return gatedListener(server, options.gate, options.journal);
}

/** Puts the gate's TCP server before a TLS one, so that a connection too many costs no TLS state. */
export function gatedListener(server: TlsServer, gate: ConnectionGate, journal: Journal): Listener {
  const accept = (socket: Socket): void => {
    if (gate.admit(socket)) server.emit('connection', socket);
  };
  const tcp = createTcpServer({ noDelay: true }, accept);
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    // The handshake timeout only reports: without this the socket would stay open.
    socket.destroy();
    journal.tell({
      action: 'connection.refused',
      level: 'debug',
      reason: 'handshake_failed',
      message: error.message,
      fields: { 'error.code': error.code, 'client.address': socket.remoteAddress },
    });
  });
  return {
    listen: (host, port) => bind(tcp, host, port),
    setSecureContext: (material) => server.setSecureContext(contextOptions(material)),
    close: () => {
      tcp.close();
      server.close();
    },
  };
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.removeListener('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
