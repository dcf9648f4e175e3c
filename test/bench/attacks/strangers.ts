// Attacks that need no certificate: pipelined HTTP, TLS handshakes that cost much, and WebSocket messages that never end.
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { closed } from '../../broker/harness.ts';
import { longChain } from '../../broker/test-pki.ts';
import type { OutsiderAttack } from './outsider.ts';

const [attackMs, atOnce] = [5_000, 8];

/** Where the victim is, and where it is not. */
const [victimsAddress, elsewhere] = ['127.0.0.1', '127.0.0.2'];

/** Does something again and again for some seconds, so often at a time. */
async function forSeconds(again: () => Promise<void>, times = 1): Promise<void> {
  const end = performance.now() + attackMs;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) await again();
  };
  await Promise.all(Array.from({ length: times }, worker));
}

const requestsFor = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: gateway\r\n\r\n`.repeat(4_000);

/** 4,000 requests at once on each of so many connections, from addresses of their own, and again when they are closed. */
function pipelined(path: string, connections: number): OutsiderAttack {
  const requests = requestsFor(path);
  return {
    name: `4,000 GET ${path} at once on ${connections} connections, again and again`,
    prepare: async ({ http }) => {
      let next = 0;
      const ask = async (): Promise<void> => {
        next += 1;
        const socket = connectTcp({ host: '127.0.0.1', port: http, localAddress: `127.0.4.${next % 250}` });
        socket.on('error', () => undefined);
        socket.resume();
        socket.write(requests);
        await closed(socket);
      };
      return () => forSeconds(ask, connections);
    },
  };
}

/** A connection that presents this, whatever comes of it. */
function stranger(port: number, localAddress: string, credential: object = {}): TLSSocket {
  const options = { host: '127.0.0.1', port, localAddress, rejectUnauthorized: false, ...credential };
  const socket = connectTls(options);
  socket.on('error', () => undefined);
  socket.resume();
  return socket;
}

function longChains(localAddress: string, place: string): OutsiderAttack {
  return {
    name: `chains of 100 certificates, ${atOnce} at a time from ${place}`,
    prepare: async ({ mqtt }) => {
      const chain = await longChain(100);
      const bring = async (): Promise<void> => {
        const socket = stranger(mqtt, localAddress, chain);
        const wait = setTimeout(() => socket.destroy(), attackMs);
        await closed(socket);
        clearTimeout(wait);
      };
      return () => forSeconds(bring, atOnce);
    },
  };
}

const upgrade =
  'GET /mqtt HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n';

/** A message of so many fragments of one byte that does not end: a CONNECT that never comes whole. */
function fragments(count: number): Buffer {
  const first = Buffer.from([0x02, 0x81, 0, 0, 0, 0, 0x10]);
  const later = Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0xff]);
  return Buffer.concat([first, ...Array.from({ length: count - 1 }, () => later)]);
}

/** So many connections that are through their handshakes, some at a time: strangers have a share of the loop. */
async function throughTls(port: number, count: number): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(10, count - sockets.length) }, async () => {
      const socket = stranger(port, elsewhere);
      await once(socket, 'secureConnect');
      return socket;
    });
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

/** Each sends this, and is closed by the other side or after some seconds. */
async function sendAtOnce(sockets: readonly TLSSocket[], bytes: Buffer | string): Promise<void> {
  const send = async (socket: TLSSocket): Promise<void> => {
    socket.write(bytes);
    const wait = setTimeout(() => socket.destroy(), attackMs);
    await closed(socket);
    clearTimeout(wait);
  };
  await Promise.all(sockets.map(send));
}

const connections = 450;

/** WebSockets without a CONNECT that send these bytes all at once. */
function webSockets(name: string, bytes: Buffer): OutsiderAttack {
  return {
    name: `${name} on ${connections} WebSockets`,
    prepare: async ({ websocket = 0 }) => {
      const sockets = await throughTls(websocket, connections);
      for (const socket of sockets) {
        socket.write(upgrade);
        await once(socket, 'data');
      }
      return () => sendAtOnce(sockets, bytes);
    },
  };
}

const pipelinedUpgrades: OutsiderAttack = {
  name: `4,000 GET at once on ${connections} connections to the WebSocket's port`,
  prepare: async ({ websocket = 0 }) => {
    const sockets = await throughTls(websocket, connections);
    return () => sendAtOnce(sockets, requestsFor('/mqtt'));
  },
};

/** A CONNECT of 2,500 bytes that does not end, each in a TLS record of its own, as bytes of TCP. */
async function tinyRecords(port: number): Promise<{ readonly tcp: Socket; readonly bytes: Buffer }> {
  const tcp = connectTcp({ host: '127.0.0.1', port, localAddress: elsewhere });
  tcp.on('error', () => undefined);
  const kept: Buffer[] = [];
  let isKept = false;
  const wire = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      if (isKept) kept.push(chunk);
      else tcp.write(chunk);
      done();
    },
  });
  tcp.on('data', (chunk) => wire.push(chunk));
  const socket = connectTls({ socket: wire, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  isKept = true;
  const packet = Buffer.alloc(2_500, 'x');
  packet.set([0x10, 0xff, 0x7f, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 60, 0xff, 0xff]);
  for (const byte of packet) await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve));
  return { tcp, bytes: Buffer.concat(kept) };
}

const recordsOfOneByte: OutsiderAttack = {
  name: '2,500 TLS records of one byte on each of 200 connections',
  prepare: async ({ mqtt }) => {
    const connections: Awaited<ReturnType<typeof tinyRecords>>[] = [];
    while (connections.length < 200) connections.push(await tinyRecords(mqtt));
    return async () => {
      for (const { tcp, bytes } of connections) tcp.write(bytes);
      await new Promise((resolve) => setTimeout(resolve, attackMs));
      for (const { tcp } of connections) tcp.destroy();
    };
  },
};

export const strangers: readonly OutsiderAttack[] = [
  pipelined('/metrics', 1),
  pipelined('/metrics', 400),
  longChains(elsewhere, 'another address'),
  longChains(victimsAddress, 'the address of the other client'),
  recordsOfOneByte,
  pipelinedUpgrades,
  webSockets('unfinished messages of 16,000 fragments', fragments(16_000)),
  webSockets('16,000 pings', Buffer.concat(new Array(16_000).fill(Buffer.from([0x89, 0x80, 0, 0, 0, 0])))),
];
