// Ends a TLS connection so that its peer is told: close_notify goes out behind what was sent before, and the socket is closed once the
// peer has closed its side, or after a bounded time. Without it a peer cannot tell an end from an attack that cuts connections off.
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/** Bytes still read from a peer that goes on sending; unread ones would have the system reset the connection, and lose the notice. */
const bytesMax = 64 * 1024;

export interface PoliteEnd {
  /** What MQTT is read from: the socket, or the WebSocket's stream over it. */
  readonly stream: Duplex;
  readonly socket: TLSSocket;
  /** From the notice to the end, at most. */
  readonly lingerMs: number;
  /** Called once, when anybody on this side ends the connection, before anything is done about it. */
  readonly onEnd: (error?: Error) => void;
}

/** The socket beneath a TLS socket, which Node's types leave out. */
interface OverTcp {
  readonly _parent?: { readonly destroyed: boolean } | null;
  /** `_parentWrap` is Node's wrapper where that is no socket but another stream. */
  readonly _handle?: { readonly _parentWrap?: { readonly destroyed: boolean } | null } | null;
}

/** From now on `destroy` of the stream and the socket ends the connection so. */
export function endPolitely({ stream, socket, lingerMs, onEnd }: PoliteEnd): void {
  const destroy = socket.destroy.bind(socket);
  let told = false;
  let isEnding = false;
  const tell = (error?: Error): void => {
    if (told) return;
    told = true;
    onEnd(error);
  };
  const linger = (): void => {
    const timer = setTimeout(destroy, lingerMs);
    socket.once('close', () => clearTimeout(timer));
    socket.on('error', (error) => {
      if (isOfTransport(error)) destroy();
    });
    // Nothing more comes of a peer that has closed its side, and Node closes the socket once the notice has gone out.
    if (socket.readableEnded) {
      socket.end();
      return;
    }
    let left = bytesMax;
    socket.on('data', (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left < 0) destroy();
    });
    // What was laid over reading is for the parser.
    if (stream === socket) Reflect.deleteProperty(socket, 'read');
    socket.end();
    socket.resume();
  };
  socket.destroy = (error) => {
    // What came over a WebSocket before its socket ended is still to be read from the stream, which ends behind it.
    const isRead = stream === socket || !socket.readableEnded || error != null;
    if (isRead) tell(error);
    if (isGone(socket, error)) return destroy(error);
    if (!isEnding) {
      isEnding = true;
      linger();
      // As Node does: whoever listens is told why.
      if (error) socket.emit('error', error);
    }
    return socket;
  };
  if (stream === socket) return;
  // The WebSocket library destroys its stream without the error that it failed with.
  let failure: Error | undefined;
  stream.prependListener('error', (error: Error) => {
    failure = error;
  });
  const destroyStream = stream.destroy.bind(stream);
  stream.destroy = (error) => {
    tell(error ?? failure);
    return destroyStream(error);
  };
}

/** Is there nobody who could be told? */
function isGone(socket: TLSSocket, error: Error | null | undefined): boolean {
  const isClosed = socket.destroyed || (socket.readableEnded && socket.writableFinished);
  const { _parent, _handle } = socket as OverTcp;
  // To end what was destroyed beneath fails an assertion of Node, and ends the process.
  const isLost = _parent?.destroyed === true || _handle?._parentWrap?.destroyed === true;
  return isClosed || isLost || isOfTransport(error);
}

/** How the WebSocket library says that nothing can be sent any more: its error has no code. */
const webSocketHasEnded = /^WebSocket is not open/;

/** Did the connection itself fail? */
export function isOfTransport(error: Error | null | undefined): boolean {
  const { code, syscall } = (error ?? {}) as { readonly code?: unknown; readonly syscall?: unknown };
  if (error && webSocketHasEnded.test(error.message)) return true;
  return syscall !== undefined || (typeof code === 'string' && /^(E[A-Z]+|ERR_SSL_.*|ERR_STREAM_.*)$/.test(code));
}
