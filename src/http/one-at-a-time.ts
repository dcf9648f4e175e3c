// One request at a time on each connection. Where a client has sent more by the time the first is answered, the connection is closed,
// which HTTP permits (RFC 9112, 9.3.2: such a client asks again).
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { paceRequests } from '../pacing/pace-requests.ts';
import { PacedStream } from '../pacing/paced-stream.ts';

/** A server that hands `listener` a request only when the one before it on the same connection has been answered. */
export function serveOneAtATime(options: ServerOptions, listener: RequestListener): Server {
  const server = createServer(options, (request, response) => {
    const stream: unknown = request.socket;
    if (!(stream instanceof PacedStream)) throw new Error('a request came past its pace');
    stream.hold();
    response.once('close', () => {
      if (stream.hasMore) stream.destroySoon();
      else stream.goOn();
    });
    listener(request, response);
  });
  paceRequests(server, 'connection');
  return server;
}
