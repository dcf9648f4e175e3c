// What connections pass before MQTT, with real sockets: PROXY headers, limits by address, and handshakes of strangers.
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BrokerOptions } from '../../src/broker/broker.ts';
import type { BrokerLimits } from '../../src/broker/limits.ts';
import { closed, connectPacket, House, packetsOf, publishBytes, until } from './harness.ts';
import { type Credential, longChain } from './test-pki.ts';

let house: House;
let chain: Awaited<ReturnType<typeof longChain>>;
beforeAll(async () => {
  chain = await longChain(100);
});
afterEach(() => house.close());

async function open(limits: Partial<BrokerLimits> = {}, options: Partial<BrokerOptions> = {}): Promise<void> {
  house = await House.open(limits, options);
}

const balancers = [{ address: '127.0.0.0', family: 'ipv4', prefix: 30 }] as const;

/** Why connections were refused before they were through the handshake. */
const refusals = () =>
  house
    .told('connection.refused')
    .map(({ reason }) => reason)
    .filter((reason) => reason !== 'connect_late' && reason !== 'no_websocket');

/** A TCP connection that has sent these bytes. */
async function tcp(bytes: Buffer | string, localAddress = '127.0.0.1', port = house.port): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port, localAddress });
  socket.on('error', () => undefined);
  house.onClose(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

/** Resolves when the other side has closed it. */
function gone(socket: Socket): Promise<void> {
  socket.resume();
  return closed(socket);
}

/** The first message of a TLS 1.2 client. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = new Duplex({ read: () => undefined, write: (chunk) => resolve(chunk) });
    connectTls({ socket, maxVersion: 'TLSv1.2' }).on('error', () => undefined);
  });
}

/** TLS behind such a header. */
async function proxied(header: Buffer | string, credential: Credential | null): Promise<TLSSocket> {
  const { ca } = house.authority;
  const socket = connectTls({ socket: await tcp(header), ca, servername: 'localhost', ...credential });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

async function admitted(socket: TLSSocket, id: string): Promise<void> {
  const packets = packetsOf(socket);
  socket.write(connectPacket(id));
  await until(() => packets.length > 0);
  expect(packets[0]).toMatchObject({ cmd: 'connack', returnCode: 0 });
}

const from = (address: string, family = 'TCP4') => `PROXY ${family} ${address} ${address} 50000 8883\r\n`;

describe('behind a balancer', () => {
  it('a client has the address that the header says, in verdicts and lines', async () => {
    await open({}, { proxies: balancers });
    const credential = await house.device('d1');
    await admitted(await proxied(from('203.0.113.7'), credential), 'd1');
    await admitted(await proxied(from('2001:db8::7', 'TCP6'), credential), 'd1:2');
    await admitted(await proxied('PROXY UNKNOWN\r\n', credential), 'd1:3');
    expect(house.entrance.admitted.map(({ remoteAddress }) => remoteAddress)).toEqual([
      '203.0.113.7',
      '2001:db8::7',
      '127.0.0.1',
    ]);
    expect(refusals()).toEqual([]);
  });

  it('a connection without a header, with half of one or a late one is refused', async () => {
    await open({ handshakeMs: 200 }, { proxies: balancers });
    await expect(house.raw(null)).rejects.toThrow();
    await gone(await tcp('PROXY TCP4 203.0.113.7'));
    const half = await tcp('PROXY ');
    half.end();
    await gone(half);
    await until(() => refusals().length === 3);
    expect(refusals()).toEqual(['proxy_header', 'proxy_header', 'proxy_header']);
  });

  it('a probe that sends nothing is no refusal', async () => {
    await open({}, { proxies: balancers });
    const probe = await tcp('');
    probe.end();
    await gone(probe);
    await until(() => house.broker.connectionCount === 0);
    expect(refusals()).toEqual([]);
  });

  it('a header from anywhere else fails the handshake', async () => {
    await open({}, { proxies: balancers });
    await gone(await tcp(from('203.0.113.7'), '127.0.0.9'));
    await until(() => refusals().length === 1);
    expect(refusals()).toEqual(['handshake_failed']);
    expect(house.told('connection.refused')[0]?.fields).toMatchObject({ 'client.address': '127.0.0.9' });
  });

  it('limits count by the address in the header, of IPv6 by /64', async () => {
    await open({ connectionsPerAddressMax: 1 }, { proxies: balancers });
    const credential = await house.device('d1');
    await admitted(await proxied(from('2001:db8:0:1::1', 'TCP6'), credential), 'd1:1');
    await admitted(await proxied(from('203.0.113.7'), credential), 'd1:2');
    await expect(proxied(from('2001:db8:0:1:ffff::2', 'TCP6'), credential)).rejects.toThrow();
    await expect(proxied(from('::ffff:203.0.113.7', 'TCP6'), credential)).rejects.toThrow();
    await admitted(await proxied(from('2001:db8:0:2::1', 'TCP6'), credential), 'd1:3');
    expect(refusals()).toEqual(['connections_per_address_max', 'connections_per_address_max']);
  });
});

describe('limits on connections', () => {
  it('count each refusal, and tell of those at addresses of known devices', async () => {
    await open({ connectionsPerAddressMax: 1 });
    await house.connected(await house.device('d1'), 'd1');
    await Promise.all(Array.from({ length: 20 }, () => tcp('').then(gone)));
    expect(refusals()).toHaveLength(20);
    expect(house.entrance.keptOutFrom).toHaveLength(20);
    expect(house.entrance.keptOutFrom[0]).toEqual({ address: '127.0.0.1', reason: 'connections_per_address_max' });
  });

  it('leave room for addresses of known certificates where strangers hold all that is theirs', async () => {
    await open({ connectionsMax: 10, connectionsUnknownMax: 2 });
    const credential = await house.device('d1');
    await house.connected(credential, 'd1');
    const strangers = [await tcp('', '127.0.0.2'), await tcp('', '127.0.0.3')];
    await gone(await tcp('', '127.0.0.4'));
    expect(refusals()).toEqual(['connections_unknown_max']);
    expect(house.entrance.keptOutFrom).toEqual([]);
    // From the known address as many as before; from a new one as soon as there is room, which its admission gives back.
    await house.connected(credential, 'd1:2');
    strangers[0]?.destroy();
    await until(() => house.broker.connectionCount === 3);
    for (const suffix of ['3', '4', '5']) {
      const socket = await house.raw(credential, { localAddress: `127.0.0.1${suffix}` });
      await admitted(socket, `d1:${suffix}`);
    }
    expect(refusals()).toHaveLength(1);
  });
});

describe('the handshake of a stranger', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'may not bring a long chain over %s, from an unknown address or after one from a known address',
    async (version) => {
      await open({ connectMs: 500 });
      const bring = async (localAddress: string) => {
        const told = refusals().length;
        const options: ConnectionOptions & { readonly localAddress: string } = {
          ...chain,
          localAddress,
          minVersion: version,
          maxVersion: version,
        };
        const socket = connectTls({
          ...options,
          host: '127.0.0.1',
          port: house.port,
          servername: 'localhost',
          rejectUnauthorized: false,
        });
        socket.on('error', () => undefined);
        socket.resume();
        await closed(socket);
        return refusals().slice(told);
      };
      expect(await bring('127.0.0.2')).toEqual(['handshake_failed']);
      expect(house.told('connection.refused').at(-1)?.message).toMatch(/16384 bytes/);
      const credential = await house.device('d1');
      const client = await house.connected(credential, 'd1');
      expect(await bring('127.0.0.1')).toEqual([]);
      await until(() => house.broker.connectionCount === 1);
      // Now a known address is watched too, and its devices still come in.
      expect(await bring('127.0.0.1')).toEqual(['handshake_failed']);
      await house.connected(credential, 'd1:2');
      expect(client.connected).toBe(true);
    },
  );

  it('that is followed at once by more than a handshake may have is a device like any other', async () => {
    await open();
    const credential = await house.device('d1');
    const large = Buffer.alloc(50_000, 'x');
    // From addresses that are not known, and once more from those that are by then.
    for (const [version, suffix] of [
      ['TLSv1.2', 'a'],
      ['TLSv1.3', 'b'],
      ['TLSv1.2', 'c'],
      ['TLSv1.3', 'd'],
    ] as const) {
      const options: ConnectionOptions & { readonly localAddress: string } = {
        host: '127.0.0.1',
        port: house.port,
        ca: house.authority.ca,
        servername: 'localhost',
        localAddress: version === 'TLSv1.2' ? '127.0.0.2' : '127.0.0.3',
        minVersion: version,
        maxVersion: version,
        cert: credential.cert,
        key: credential.key,
      };
      const socket = connectTls(options);
      socket.on('error', () => undefined);
      house.onClose(() => socket.destroy());
      const packets = packetsOf(socket);
      // Before the handshake is complete: Node sends it with the last message of the handshake.
      socket.write(Buffer.concat([connectPacket(`d1:${suffix}`), publishBytes('devices/d1/x', 1, large)]));
      await until(() => packets.length === 2);
      expect(packets.map(({ cmd }) => cmd)).toEqual(['connack', 'puback']);
    }
    expect(refusals()).toEqual([]);
  });

  it('is told with its address and the TLS alert, and is an alert where known devices come from', async () => {
    await open();
    const distrustful = async (localAddress: string) => {
      const socket = await tcp(await clientHello(), localAddress);
      await once(socket, 'data');
      // A fatal alert, unknown_ca, as OpenSSL and mbedTLS send it; Node's own client only closes.
      socket.write(Buffer.from('15030300020230', 'hex'));
      await gone(socket);
    };
    await house.connected(await house.device('d1'), 'd1');
    await distrustful('127.0.0.2');
    await until(() => refusals().length === 1);
    expect(house.told('connection.refused')[0]).toMatchObject({
      reason: 'handshake_failed',
      message: expect.stringMatching(/^the TLS handshake failed: [a-z0-9 ]*alert unknown ca$/),
      fields: { 'client.address': '127.0.0.2', 'error.code': expect.stringMatching(/ALERT/) },
    });
    expect(house.entrance.keptOutFrom).toEqual([]);
    await distrustful('127.0.0.1');
    await until(() => house.entrance.keptOutFrom.length === 1);
    expect(house.entrance.keptOutFrom[0]).toEqual({ address: '127.0.0.1', reason: 'handshake_failed' });
  });

  it('over a WebSocket is watched too', async () => {
    await open({}, { websocket: { host: '127.0.0.1', port: 0, path: '/mqtt' } });
    const socket = connectTls({
      host: '127.0.0.1',
      port: house.websocketPort,
      servername: 'localhost',
      rejectUnauthorized: false,
      ...chain,
    });
    socket.on('error', () => undefined);
    socket.resume();
    await closed(socket);
    await until(() => refusals().length === 1);
    expect(refusals()).toEqual(['handshake_failed']);
  });
});
