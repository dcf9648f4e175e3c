// What a client may send at the WebSocket's port before it is one: many requests at once, and frames without a packet.
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { closed, connectPacket, House, until } from './harness.ts';

const upgrade =
  'GET /mqtt HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n';

let house: House;
beforeEach(async () => {
  house = await House.open({}, { websocket: { host: '127.0.0.1', port: 0, path: '/mqtt' } });
});
afterEach(() => house.close());

/** A connection through TLS, and all that it is answered. */
async function open(): Promise<{ socket: TLSSocket; answered: () => string }> {
  const socket = await house.raw(await house.device('d1'), { port: house.websocketPort });
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  return { socket, answered: () => answer };
}

const frame = (opcode: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]);

it('answers one of thousands of requests, and closes', async () => {
  const { socket, answered } = await open();
  socket.write('GET /mqtt HTTP/1.1\r\nHost: gateway\r\n\r\n'.repeat(4_000));
  await closed(socket);
  expect(answered().match(/HTTP\/1.1/g)).toHaveLength(1);
  expect(answered()).toMatch(/^HTTP\/1.1 426 /);
  expect(house.told('connection.refused').map(({ reason }) => reason)).toEqual(['no_websocket']);
});

it('takes CONNECT in the same bytes as the request, and what comes behind it', async () => {
  const { socket, answered } = await open();
  const pings = Buffer.concat(Array.from({ length: 500 }, () => frame(0x2, Buffer.from([0xc0, 0]))));
  socket.write(Buffer.concat([Buffer.from(upgrade), frame(0x2, connectPacket('d1')), pings]));
  const answers = (): number => answered().split('\xd0\x00').length - 1;
  await until(() => answers() === 500);
  expect(answered()).toMatch(/^HTTP\/1.1 101 /);
  socket.destroy();
});

it.each([
  ['pings', frame(0x9, Buffer.alloc(0))],
  ['empty frames', frame(0x2, Buffer.alloc(0))],
  ['frames of a byte, that make no packet', frame(0x2, Buffer.from([0x10]))],
])('ends a connection that sends %s and no CONNECT', async (_name, each) => {
  const { socket, answered } = await open();
  socket.write(upgrade);
  await once(socket, 'data');
  const ended = closed(socket);
  socket.write(Buffer.concat(new Array<Buffer>(2_000).fill(each)));
  await ended;
  await until(() => house.broker.connectionCount === 0);
  expect(answered()).toMatch(/^HTTP\/1.1 101 /);
  expect(house.entrance.admitted).toEqual([]);
  // It did not wait for what else would have ended it.
  expect(house.told('connection.refused').map(({ reason }) => reason)).not.toContain('connect_late');
});
