// How connections end: whatever ends one, its peer is told by TLS's close_notify, and the application by its cause.
import { once } from 'node:events';
import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, connectPacket, framed, generate, House, packetsOf, publishBytes, until } from './harness.ts';
import type { Credential } from './test-pki.ts';

const alertRecord = 21;

/** The types of the TLS records in a stream of them. */
class Records {
  readonly types: number[] = [];
  #rest = Buffer.alloc(0);

  take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 5 && this.#rest.length >= 5 + this.#rest.readUInt16BE(3)) {
      this.types.push(this.#rest[0] ?? 0);
      this.#rest = this.#rest.subarray(5 + this.#rest.readUInt16BE(3));
    }
  }
}

interface Watched {
  readonly socket: TLSSocket;
  readonly records: Records;
  /** What went wrong for the peer. */
  readonly errors: Error[];
}

let house: House;
let credential: Credential;
const closers: (() => void)[] = [];
beforeEach(async () => {
  house = await House.open(
    { connectMs: 300, packetBytesMaxDiscarded: 0 },
    { websocket: { host: '127.0.0.1', port: 0, path: '/mqtt' } },
  );
  credential = await house.device('d1');
});
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await house.close();
});

/** Through a proxy that notes what the server sends. In TLS 1.2 the type of an encrypted record can be read. */
async function watch(port = house.port): Promise<Watched> {
  const records = new Records();
  const proxy = createServer((client: Socket) => {
    const server = tcpConnect(port, '127.0.0.1');
    server.on('data', (chunk) => records.take(chunk));
    for (const each of [client, server]) each.on('error', () => undefined);
    client.pipe(server).pipe(client);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  closers.push(() => proxy.close());
  const address = proxy.address();
  const socket = connect({
    host: '127.0.0.1',
    port: typeof address === 'object' && address ? address.port : 0,
    ca: house.authority.ca,
    servername: 'localhost',
    maxVersion: 'TLSv1.2',
    cert: credential.cert,
    key: credential.key,
  });
  const errors: Error[] = [];
  socket.on('error', (error) => errors.push(error));
  closers.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  return { socket, records, errors };
}

async function admitted(options: object = {}): Promise<Watched> {
  const watched = await watch();
  const packets = packetsOf(watched.socket);
  watched.socket.write(connectPacket('d1', options));
  await until(() => packets.length === 1);
  return watched;
}

async function endOf({ socket, records, errors }: Watched): Promise<void> {
  socket.resume();
  await once(socket, 'end');
  expect(records.types.at(-1)).toBe(alertRecord);
  expect(errors).toEqual([]);
}

const causes = (): unknown[] => house.entrance.ends.map(({ cause }) => cause);

describe('close_notify is the last that a peer is sent', () => {
  it.each([
    ['DISCONNECT', generate({ cmd: 'disconnect' }), 'disconnected'],
    ['a packet too large', publishBytes('devices/d1/x', 1, Buffer.alloc(300_000)), 'packet_refused'],
    ['a malformed packet', framed(0x82, Buffer.from('0001', 'hex')), 'malformed'],
    ['a second CONNECT', connectPacket('d1'), 'malformed'],
    ['a remaining length of five bytes', Buffer.from('30ffffffff01', 'hex'), 'packet_refused'],
  ])('after %s', async (_what, bytes, cause) => {
    const watched = await admitted();
    watched.socket.write(bytes);
    await endOf(watched);
    expect(causes()).toEqual([cause]);
  });

  it('after a revocation', async () => {
    const watched = await admitted();
    await house.broker.sessions.closeByCertificate(credential.fingerprint, 'revoked');
    await endOf(watched);
    expect(causes()).toEqual(['decided']);
  });

  it('after another connection took its client id', async () => {
    const watched = await admitted();
    await house.connected(credential, 'd1');
    await endOf(watched);
    expect(house.entrance.ends).toMatchObject([{ clientId: 'd1', cause: 'taken_over' }]);
    expect(house.entrance.ends[0]?.silentMs).toBeLessThan(30_000);
  });

  it('after a keepalive without a packet', async () => {
    const watched = await admitted({ keepalive: 1 });
    await endOf(watched);
    expect(causes()).toEqual(['silent']);
  });

  it('after a connect that was refused, behind its CONNACK', async () => {
    const watched = await watch();
    const packets = packetsOf(watched.socket);
    watched.socket.write(connectPacket('somebody-else'));
    await endOf(watched);
    expect(packets).toMatchObject([{ cmd: 'connack', returnCode: 2 }]);
  });

  it('after none came', async () => {
    await endOf(await watch());
    expect(causes()).toEqual([]);
  });

  it('when the broker closes, to whoever is connected, admitted or not', async () => {
    const [inside, outside] = [await admitted(), await watch()];
    const ends = [endOf(inside), endOf(outside)];
    await house.broker.close();
    await Promise.all(ends);
  });

  it('over a WebSocket', async () => {
    const watched = await watch(house.websocketPort);
    const upgrade = ['GET /mqtt HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket'];
    const key = [
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      'Sec-WebSocket-Protocol: mqtt',
    ];
    watched.socket.write(`${[...upgrade, ...key].join('\r\n')}\r\n\r\n`);
    await once(watched.socket, 'data');
    const connect = connectPacket('d1');
    watched.socket.write(Buffer.concat([Buffer.of(0x82, 0x80 | connect.length, 0, 0, 0, 0), connect]));
    await until(() => house.broker.sessionCount === 1);
    await house.broker.sessions.closeByCertificate(credential.fingerprint, 'revoked');
    await endOf(watched);
  });
});

describe('a peer that does not close its side', () => {
  it('is cut off after a moment, and its session is over at once', async () => {
    const watched = await admitted();
    watched.socket.removeAllListeners('data');
    watched.socket.pause();
    await house.broker.sessions.closeByCertificate(credential.fingerprint, 'revoked');
    await until(() => house.broker.sessionCount === 0);
    expect(causes()).toEqual(['decided']);
  });

  it('or sends on without end is read no further', async () => {
    const watched = await admitted();
    const pour = (): void => void watched.socket.write(Buffer.alloc(16 * 1024), (error) => error ?? setImmediate(pour));
    await house.broker.sessions.closeByCertificate(credential.fingerprint, 'revoked');
    pour();
    watched.socket.resume();
    await closed(watched.socket);
  });

  it('and one that goes away without a word is no trouble but its own', async () => {
    const watched = await admitted();
    watched.socket.destroy();
    await until(() => house.entrance.ends.length === 1);
    expect(causes()).toEqual(['closed']);
  });
});
