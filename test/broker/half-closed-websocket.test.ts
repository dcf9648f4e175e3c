// WebSocket clients that close right behind what they send, with a close frame, an end of their side, or both.
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectPacket, generate, House, inbox, publishBytes, until } from './harness.ts';

let house: House;
beforeEach(async () => {
  house = await House.open({}, { websocket: { host: '127.0.0.1', port: 0, path: '/mqtt' } });
});
afterEach(() => house.close());

const [binary, close] = [0x82, 0x88];
const upgrade = [
  'GET /mqtt HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: mqtt',
  '\r\n',
].join('\r\n');

/** A frame of less than 64 kB, masked with zeros. */
function frame(first: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = first;
  header[1] = 0x80 | 126;
  header.writeUInt16BE(payload.length, 2);
  return payload.length < 126
    ? Buffer.concat([Buffer.from([first, 0x80 | payload.length, 0, 0, 0, 0]), payload])
    : Buffer.concat([header, payload]);
}

const normally = frame(close, Buffer.from([0x03, 0xe8]));

/** A device with a will, and what a service hears of it. */
async function visit(): Promise<{ readonly socket: TLSSocket; readonly lines: string[] }> {
  const service = await house.connected(await house.service('s1', { publish: [], subscribe: ['devices/#'] }), 's1');
  const lines = inbox(service);
  await service.subscribeAsync('devices/#', { qos: 1 });
  const { cert, key } = await house.device('d1');
  const { ca } = house.authority;
  const socket = connect({ host: '127.0.0.1', port: house.websocketPort, ca, servername: 'localhost', cert, key });
  socket.on('error', () => undefined).resume();
  house.onClose(() => socket.destroy());
  await once(socket, 'secureConnect');
  socket.write(upgrade);
  await once(socket, 'data');
  const will = { topic: 'devices/d1/will', payload: Buffer.from('lost'), qos: 0, retain: false };
  socket.write(frame(binary, connectPacket('d1', { will })));
  await until(() => house.entrance.present.includes('d1'));
  return { socket, lines };
}

it.each([
  ['a close frame', [normally], false],
  ['the end of its side', [], true],
  ['both', [normally], true],
] as const)('loses nothing of what came before %s, and its will is not published', async (_name, last, isEnded) => {
  const { socket, lines } = await visit();
  const message = frame(binary, publishBytes('devices/d1/x', 0, Buffer.alloc(1_000, 'x')));
  const messages = new Array<Buffer>(1_500).fill(message);
  const disconnect = frame(binary, generate({ cmd: 'disconnect' }));
  socket.write(Buffer.concat([...messages, disconnect, ...last]));
  if (isEnded) socket.end();
  await until(() => house.entrance.ends.length === 1);
  await until(() => lines.length >= 1_500);
  expect(house.entrance.ends).toMatchObject([{ clientId: 'd1', cause: 'disconnected' }]);
  expect(new Set(lines.map((line) => line.split(' ')[0]))).toEqual(new Set(['devices/d1/x']));
  await until(() => house.broker.connectionCount === 1);
});

it.each([
  ['a close frame', [normally], false],
  ['the end of its side', [], true],
] as const)('that says nothing before %s is gone at once, and its will is published', async (_name, last, isEnded) => {
  const { socket, lines } = await visit();
  for (const each of last) socket.write(each);
  if (isEnded) socket.end();
  await until(() => house.entrance.ends.length === 1);
  await until(() => lines.length === 1);
  expect(house.entrance.ends).toMatchObject([{ clientId: 'd1', cause: 'closed' }]);
  await until(() => house.broker.connectionCount === 1);
});
