// A connection whose wrapper beneath TLS was destroyed before it is ended: Node ends the process over a shutdown then.
import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { Duplex } from 'node:stream';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { endOnlyWhatIsThere } from '../../src/broker/door/tls-internals.ts';
import { endPolitely } from '../../src/broker/polite-end.ts';
import { createTestAuthority } from './test-pki.ts';

it.each([
  ['politely', (socket: TLSSocket) => endPolitely({ stream: socket, socket, lingerMs: 100, onEnd: () => undefined })],
  ['by anybody else', endOnlyWhatIsThere],
])('is ended %s where nothing is left beneath it', async (_how, prepare) => {
  const authority = await createTestAuthority();
  const { key, cert } = await authority.issue('localhost', { server: true });
  const tls = createServer({ key, cert });
  let end = (_: TLSSocket): void => undefined;
  const ended = new Promise<TLSSocket>((resolve) => {
    end = resolve;
  });
  const tcp = createTcpServer((peer) => {
    peer.on('error', () => undefined);
    const beneath = new Duplex({
      read: () => peer.resume(),
      write: (chunk, _encoding, done) => peer.write(chunk, () => done()),
      destroy: (error, done) => {
        peer.destroy();
        done(error);
      },
    });
    peer.on('data', (chunk) => beneath.push(chunk));
    tls.emit('connection', beneath);
    tls.once('secureConnection', (socket: TLSSocket) => {
      prepare(socket);
      (socket as unknown as { _handle: { _parentWrap: Duplex } })._handle._parentWrap.destroy();
      socket.end();
      end(socket);
    });
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', ca: authority.ca, servername: 'localhost' });
  client.on('error', () => undefined);
  await once(client, 'secureConnect');
  const socket = await ended;
  if (!socket.destroyed) await once(socket, 'close');
  expect(socket.destroyed).toBe(true);
  client.destroy();
  tcp.close();
});
