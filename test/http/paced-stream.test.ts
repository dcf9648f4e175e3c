// What an HTTP parser is given of a connection, over real sockets: whatever is sent at once, a piece of one request at a time.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PacedStream } from '../../src/pacing/paced-stream.ts';
import { Turns } from '../../src/pacing/turns.ts';

const unbounded = { share: 1, burstMs: 1_000_000, waitMsMax: 1_000_000 };
const turns = new Turns({ all: unbounded, block: unbounded, turnMs: 10, blocksMax: 10 });
const pieceBytesMax = 512;

let server: Server;
beforeAll(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  turns.stop();
  server.close();
});

/** A connection as the server has it, and the client at its other end. */
async function pair(): Promise<{ client: Socket; stream: PacedStream }> {
  const address = server.address();
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1');
  client.on('error', () => undefined);
  const [socket] = await accepted;
  return { client, stream: new PacedStream(socket, turns, 'here') };
}

async function piecesOf(parts: readonly string[]): Promise<string[]> {
  const { client, stream } = await pair();
  const pieces: string[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece.toString('latin1')));
  const ended = once(stream, 'end');
  for (const part of parts) client.write(part, 'latin1');
  client.end();
  await ended;
  stream.destroy();
  return pieces;
}

const lineEnd = fc.constantFrom('\r\n', '\n');
const request = fc
  .tuple(fc.integer({ min: 0, max: 1_500 }), lineEnd, lineEnd, fc.constantFrom('', 'body'))
  .map(([length, first, second, body]) => `GET /${'x'.repeat(length)} HTTP/1.1${first}Host: x${first}${second}${body}`);

describe('a paced stream', () => {
  it('hands on what was sent, in pieces that are short and end no more than one head each', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 3_000 }),
        async (requests, every) => {
          const text = requests.join('');
          const parts = Array.from({ length: Math.ceil(text.length / every) }, (_, at) =>
            text.slice(at * every, (at + 1) * every),
          );
          const pieces = await piecesOf(parts);
          expect(pieces.join('')).toBe(text);
          let come = '';
          for (const piece of pieces) {
            expect(piece.length).toBeLessThanOrEqual(pieceBytesMax);
            const ends = (so: string): number => so.match(/\r?\n\r?\n/g)?.length ?? 0;
            expect(ends(come + piece) - ends(come)).toBeLessThanOrEqual(1);
            come += piece;
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('reads nothing on while it is held, and goes on with the next request', async () => {
    const { client, stream } = await pair();
    const pieces: string[] = [];
    stream.on('data', (piece: Buffer) => {
      pieces.push(piece.toString());
      stream.hold();
    });
    const all = ['GET /1 HTTP/1.1\r\n\r\n', 'GET /2 HTTP/1.1\r\n\r\n', 'GET /3 HTTP/1.1\r\n\r\n'];
    client.write(all.join(''));
    for (let count = 1; count <= all.length; count += 1) {
      await expect.poll(() => pieces.length).toBe(count);
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(pieces).toEqual(all.slice(0, count));
      expect(stream.hasMore).toBe(count < all.length);
      stream.goOn();
    }
    client.destroy();
    stream.destroy();
  });

  it('gives back its connection with all that it has not handed on', async () => {
    const { client, stream } = await pair();
    const [head, rest] = ['GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n', 'frames '.repeat(10_000)];
    // At once, as a server does that has read the request.
    const released = new Promise<Socket>((resolve) => {
      stream.once('data', (piece: Buffer) => {
        expect(piece.toString()).toBe(head);
        resolve(stream.release());
      });
    });
    client.write(head + rest);
    const socket = await released;
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk;
    });
    socket.resume();
    await expect.poll(() => read.length).toBe(rest.length);
    expect(read).toBe(rest);
    client.end();
    await once(socket, 'end');
    socket.destroy();
  });

  it('is gone with its connection, and its connection with it', async () => {
    const one = await pair();
    const closed = once(one.stream, 'close');
    one.client.destroy();
    await closed;
    const other = await pair();
    const left = once(other.client, 'close');
    other.client.resume();
    other.stream.destroy();
    await left;
  });
});
