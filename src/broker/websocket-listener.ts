// MQTT over secure WebSockets, behind the same TLS rules: it upgrades requests for one path and subprotocol and hands
// their byte streams on (MQTT 3.1.1, section 6).
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import type { Journal } from '../ports/journal.ts';
import type { ConnectionGate } from './connection-gate.ts';
import { gatedListener, type Listener } from './tls-listener.ts';
import { serverOptions, type TlsMaterial } from './tls-options.ts';

/** [MQTT-6.0.0-3]; mqttv3.1 is what MQTT 3.1 clients ask for. */
const subprotocols: readonly string[] = ['mqtt', 'mqttv3.1'];
const headerBytesMax = 8 * 1024;
/** One frame may hold several packets [MQTT-6.0.0-2]: this much more than the largest packet. */
const frameSlackBytes = 64 * 1024;

export interface WebSocketListenerOptions {
  readonly tls: TlsMaterial;
  readonly path: string;
  readonly handshakeMs: number;
  readonly connectMs: number;
  readonly packetBytesMax: number;
  readonly gate: ConnectionGate;
  readonly journal: Journal;
  readonly onConnection: (stream: Duplex, socket: TLSSocket, request: IncomingMessage) => void;
}

export function createWebSocketListener(options: WebSocketListenerOptions): Listener {
  const server = createHttpsServer(
    {
      ...serverOptions(options.tls, options.handshakeMs),
      headersTimeout: options.connectMs,
      requestTimeout: options.connectMs,
      connectionsCheckingInterval: Math.min(1_000, options.connectMs),
      maxHeaderSize: headerBytesMax,
    },
    refuseRequest,
  );
  const upgrades = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.packetBytesMax + frameSlackBytes,
    handleProtocols: (offered) => subprotocols.find((name) => offered.has(name)) ?? false,
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Between the request and the end of the upgrade nobody else listens for the socket's errors.
    socket.on('error', () => socket.destroy());
    if (!(socket instanceof TLSSocket) || !isForUs(request, options.path)) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n', () => socket.destroy());
      return;
    }
    upgrades.handleUpgrade(request, socket, head, (webSocket) => {
      options.onConnection(byteStream(webSocket), socket, request);
    });
  });
  return gatedListener(server, options.gate, options.journal);
}

function refuseRequest(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end();
}

function isForUs(request: IncomingMessage, path: string): boolean {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return (request.url ?? '').split('?')[0] === path && offered.some((name) => subprotocols.includes(name));
}

function byteStream(webSocket: WebSocket): Duplex {
  // [MQTT-6.0.0-1]: control packets travel in binary frames; anything else ends the connection.
  webSocket.on('message', (_data, isBinary) => {
    if (!isBinary) webSocket.terminate();
  });
  return createWebSocketStream(webSocket);
}
