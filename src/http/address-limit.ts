// How many connections one address block may hold at a time, and all of them together, also as the process runs out of descriptors: one
// that keeps them busy leaves room for everybody else.
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { addressBlock } from '../domain/address-block.ts';
import { connectionOf } from '../pacing/paced-stream.ts';
import type { Log } from '../telemetry/log.ts';

/** Destroys what exceeds `most` connections from one address block, as soon as it is accepted. */
export function limitAddresses(server: Server, most: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const block = addressBlock(socket.remoteAddress);
    const count = (open.get(block) ?? 0) + 1;
    if (count > most) {
      socket.destroy();
      return;
    }
    open.set(block, count);
    socket.once('close', () => {
      const left = (open.get(block) ?? 1) - 1;
      if (left > 0) open.set(block, left);
      else open.delete(block);
    });
  });
}

/**
 * Holds no more than `most` connections in all. For one more, that goes which has waited longest for a request: who holds connections and
 * asks for nothing keeps nobody out. Where each has a request in hand, the new one goes.
 */
export function limitConnections(server: HttpServer, most: number): void {
  let open = 0;
  /** In the order in which they began to wait. */
  const waiting = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    if (socket.destroyed) return;
    const [longest = socket] = open < most ? [] : waiting;
    open += 1;
    waiting.add(socket);
    if (open > most) {
      longest.destroy();
      waiting.delete(longest);
    }
    socket.once('close', () => {
      open -= 1;
      waiting.delete(socket);
    });
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const socket = connectionOf(request.socket);
    waiting.delete(socket);
    response.once('close', () => {
      if (!socket.destroyed) waiting.add(socket);
    });
  });
}

/**
 * Destroys connections whose descriptor has this number or a higher one: a new one has the lowest that is free. Where one cannot even
 * be accepted, that is logged; unheard, it would end the process.
 */
export function limitDescriptors(server: Server, most: number, log: Log): void {
  server.on('connection', (socket: Socket) => {
    const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: number } };
    if ((handle?.fd ?? -1) >= most) socket.destroy();
  });
  server.on('error', (error) => log.error({ err: error }, 'a connection could not be accepted'));
}
