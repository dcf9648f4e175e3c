// Connections between TLS and the WebSocket: each has a bounded time until it is one, and who asks for something else is answered, told
// and closed. Node's own timeouts of requests only run where Node listens, and here another server does.
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { isOfTransport } from '../polite-end.ts';

export interface HttpDoorOptions {
  /** From the handshake to the request that upgrades. */
  readonly connectMs: number;
  /** Called once for a connection, before it is ended. */
  readonly onRefused: (socket: TLSSocket) => void;
}

export class HttpDoor {
  readonly #options: HttpDoorOptions;
  /** Those that are no WebSocket. */
  readonly #timers = new Map<Duplex, NodeJS.Timeout>();
  readonly #told = new WeakSet<Duplex>();

  constructor(options: HttpDoorOptions) {
    this.#options = options;
  }

  /** A handshake has ended. */
  enter(socket: Duplex): void {
    const timer = setTimeout(() => this.refuse(socket, '408 Request Timeout'), this.#options.connectMs);
    this.#timers.set(socket, timer);
    socket.once('close', () => this.leave(socket));
  }

  /** It has become a WebSocket, or has closed. */
  leave(socket: Duplex): void {
    clearTimeout(this.#timers.get(socket));
    this.#timers.delete(socket);
  }

  /** Tells of it; its answer is the caller's. */
  tell(socket: Duplex): void {
    if (this.#told.has(socket) || !(socket instanceof TLSSocket) || socket.destroyed) return;
    this.#told.add(socket);
    this.#options.onRefused(socket);
  }

  /** Tells of it, answers with this status and closes. */
  refuse(socket: Duplex, status: string): void {
    this.tell(socket);
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`, () => socket.destroy());
    else socket.destroy();
  }

  /** What came is no HTTP, or the connection failed. */
  fail(socket: Duplex, error: NodeJS.ErrnoException): void {
    if (isOfTransport(error)) socket.destroy();
    else
      this.refuse(
        socket,
        error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request',
      );
  }
}
