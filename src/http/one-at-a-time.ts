// One request at a time on each connection. Node reads ahead and has every request that a client sent at once handled at the same time;
// here the first is answered and the connection is closed, which HTTP permits (RFC 9112, 9.3.2: such a client asks again).
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { Socket } from 'node:net';

/** A server that hands `listener` a request only when the one before it on the same connection has been answered. */
export function serveOneAtATime(options: ServerOptions, listener: RequestListener): Server {
  const busy = new WeakSet<Socket>();
  /** Those that sent more while they were busy. */
  const impatient = new WeakSet<Socket>();
  const server = createServer(options, (request, response) => {
    const { socket } = request;
    if (busy.has(socket)) {
      impatient.add(socket);
      socket.pause();
      return;
    }
    busy.add(socket);
    response.once('close', () => {
      busy.delete(socket);
      if (impatient.has(socket)) socket.destroySoon();
    });
    listener(request, response);
  });
  return server;
}
