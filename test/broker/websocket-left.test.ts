// What is written to a WebSocket whose client has left fails as it does on a connection that broke: nobody sent anything malformed.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createWebSocketStream, WebSocket, WebSocketServer } from 'ws';
import { isOfTransport } from '../../src/broker/polite-end.ts';

it.each([
  ['closing', (client: WebSocket) => client.close()],
  ['gone', (client: WebSocket) => client.terminate()],
])('a message to a client that is %s fails by the connection', async (_state, leave) => {
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new WebSocketServer({ server: http });
  onTestFinished(() => {
    server.close();
    http.close();
  });
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const [socket] = (await once(server, 'connection')) as [WebSocket];
  const stream = createWebSocketStream(socket);
  await once(client, 'open');
  // A client that leaves is known to have done so before its stream has ended.
  const failed = new Promise<Error>((resolve) => {
    stream.once('error', resolve);
    socket.prependOnceListener('close', () => stream.write('late'));
  });
  leave(client);
  expect(isOfTransport(await failed)).toBe(true);
});
