// MQTT over secure WebSockets, behind the same TLS rules: it upgrades requests for one path and subprotocol and hands
// their byte streams on (MQTT 3.1.1, section 6).
import type { IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { paceRequests } from '../../pacing/pace-requests.ts';
import { connectionOf, PacedStream } from '../../pacing/paced-stream.ts';
import type { Door } from './door.ts';
import { FrameJoiner } from './frame-joiner.ts';
import { HttpDoor, type HttpDoorOptions } from './http-door.ts';
import { behindDoor, type Listener } from './tls-listener.ts';
import { serverOptions, type TlsMaterial } from './tls-options.ts';

/** [MQTT-6.0.0-3]; mqttv3.1 is what MQTT 3.1 clients ask for. */
const subprotocols: readonly string[] = ['mqtt', 'mqttv3.1'];
const headerBytesMax = 8 * 1024;
/** Bytes of a message. None is larger than what is read from a socket at once. */
const messageBytesMax = 1024 * 1024;
/** Bytes of frame headers and control frames before CONNECT has come whole: one of 680 bytes may come in frames of one byte. */
const overheadBytesMax = 4 * 1024;
/** Bytes of pongs and the like that wait for a client that reads nothing. */
const unreadBytesMax = 64 * 1024;

export interface WebSocketListenerOptions extends HttpDoorOptions {
  readonly tls: TlsMaterial;
  readonly path: string;
  readonly handshakeMs: number;
  readonly door: Door;
  readonly onConnection: (stream: Duplex, socket: TLSSocket, request: IncomingMessage) => void;
}

export function createWebSocketListener(options: WebSocketListenerOptions): Listener {
  const httpDoor = new HttpDoor(options);
  const server = createHttpsServer(
    { ...serverOptions(options.tls, options.handshakeMs), maxHeaderSize: headerBytesMax },
    ({ socket }, response) => {
      // It is answered once, whatever comes behind it.
      if (isPaced(socket)) socket.hold();
      httpDoor.tell(connectionOf(socket));
      response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end();
    },
  );
  const upgrades = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: messageBytesMax,
    maxFragments: 1,
    handleProtocols: (offered) => subprotocols.find((name) => offered.has(name)) ?? false,
  });
  paceRequests(server, 'secureConnection');
  server.on('secureConnection', (socket) => httpDoor.enter(socket));
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const socket = isPaced(stream) ? stream.release() : stream;
    // Between the request and the end of the upgrade nobody else listens for the socket's errors.
    socket.on('error', () => socket.destroy());
    if (!(socket instanceof TLSSocket) || !isForUs(request, options.path))
      return httpDoor.refuse(socket, '404 Not Found');
    upgrades.handleUpgrade(request, socket, head, (webSocket) => {
      httpDoor.leave(socket);
      joinFrames(webSocket);
      options.onConnection(byteStream(webSocket), socket, request);
      // It was paused when it was taken from its pace.
      socket.resume();
    });
  });
  upgrades.on('wsClientError', (_error, socket) => httpDoor.refuse(socket, '400 Bad Request'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
    httpDoor.fail(connectionOf(socket), error),
  );
  return behindDoor(server, options);
}

const isPaced = (stream: unknown): stream is PacedStream => stream instanceof PacedStream;

function isForUs(request: IncomingMessage, path: string): boolean {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return (request.url ?? '').split('?')[0] === path && offered.some((name) => subprotocols.includes(name));
}

/** The members of ws that its types leave out: what each of the socket's chunks is given to. */
interface WebSocketInternals {
  readonly _receiver: { write(chunk: Uint8Array): boolean; readonly writableNeedDrain: boolean };
}

function joinFrames(webSocket: WebSocket): void {
  const { _receiver: receiver } = webSocket as unknown as WebSocketInternals;
  const write = receiver.write.bind(receiver);
  const joiner = new FrameJoiner(overheadBytesMax);
  receiver.write = (chunk) => {
    const frames = joiner.join(chunk);
    return frames.length > 0 ? write(frames) : !receiver.writableNeedDrain;
  };
}

function byteStream(webSocket: WebSocket): Duplex {
  const stream = createWebSocketStream(webSocket);
  // [MQTT-6.0.0-1]: control packets travel in binary frames; anything else ends the connection.
  webSocket.prependListener('message', (_data, isBinary) => {
    if (!isBinary) stream.destroy(new Error('a frame is not binary [MQTT-6.0.0-1]'));
  });
  webSocket.on('ping', () => {
    if (webSocket.bufferedAmount > unreadBytesMax) webSocket.terminate();
  });
  return stream;
}
