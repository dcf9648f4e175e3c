// The bytes of a connection that nobody knows yet, over real sockets: they wait for their turn until somebody is known.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WatchedStream } from '../../src/broker/door/watched-stream.ts';
import { Turns } from '../../src/pacing/turns.ts';
import { until } from './harness.ts';

const share = { share: 0.1, burstMs: 1, waitMsMax: 1_000_000 };
let server: Server;
let turns: Turns;
let client: Socket;
let accepted: Socket;
let stream: WatchedStream;
let read: string;

beforeEach(async () => {
  turns = new Turns({ all: share, block: share, turnMs: 10, blocksMax: 10 });
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const connection = once(server, 'connection') as Promise<[Socket]>;
  client = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1');
  [accepted] = await connection;
  stream = new WatchedStream(accepted, { turns, laterTurns: turns, block: 'here', bytesMax: 100 });
  read = '';
  stream.on('data', (chunk) => {
    read += chunk;
  });
});
afterEach(() => {
  turns.stop();
  stream.destroy();
  client.destroy();
  server.close();
});

/** Sends this, and returns once it has come and has had every chance to be read. */
async function send(text: string): Promise<void> {
  const before = accepted.bytesRead;
  client.write(text);
  await until(() => accepted.bytesRead === before + text.length);
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Others at the same address have spent all that it has. */
const spend = (): void => turns.charge('here', 100_000);

it('wait for their turn after the handshake too, until somebody known is there', async () => {
  await send('hello');
  expect(read).toBe('hello');
  stream.complete();
  spend();
  await send('-connect');
  expect(read).toBe('hello');
  stream.trust();
  await until(() => read === 'hello-connect');
  await send('-more');
  expect(read).toBe('hello-connect-more');
});

it('are bounded until the handshake is complete, and not after it', async () => {
  stream.on('error', () => undefined);
  await send('x'.repeat(100));
  stream.complete();
  await send('y'.repeat(1_000));
  await until(() => read.length === 1_100);
  expect(stream.destroyed).toBe(false);
});

it('end where the client has closed its side, once they were read', async () => {
  await send('hello');
  stream.complete();
  spend();
  await send('-bye');
  client.end();
  const ended = once(stream, 'end');
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(read).toBe('hello');
  stream.trust();
  await ended;
  expect(read).toBe('hello-bye');
});
