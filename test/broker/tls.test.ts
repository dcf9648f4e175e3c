// TLS: every certificate is asked for and judged anew on each connect, and nothing in TLS itself can be used to hold on.
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presentedBy } from '../../src/broker/peer-certificate.ts';
import { closed, connectPacket, House, packetsOf, until, withResolvers } from './harness.ts';
import { createTestAuthority } from './test-pki.ts';

/** One connect that keeps its session for the next. */
async function connectOnce(house: House, version: 'TLSv1.2' | 'TLSv1.3', session?: Buffer) {
  const credential = await house.device('d1');
  const socket = await house.raw(credential, { minVersion: version, maxVersion: version, session });
  const sessions: Buffer[] = [];
  socket.on('session', (ticket: Buffer) => sessions.push(ticket));
  const packets = packetsOf(socket);
  socket.write(connectPacket('d1'));
  await until(() => packets.length > 0);
  const reused = socket.isSessionReused();
  const current = sessions.at(-1) ?? socket.getSession();
  socket.destroy();
  return { reused, session: current };
}

describe('TLS', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open({ handshakeMs: 200, connectMs: 300 });
  });
  afterAll(() => house.close());

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('never resumes a session over %s', async (version) => {
    const first = await connectOnce(house, version);
    const asked = house.entrance.admitted.length;
    const second = await connectOnce(house, version, first.session);
    expect(second.reused).toBe(false);
    expect(house.entrance.admitted.length).toBe(asked + 1);
    expect(house.entrance.admitted.at(-1)?.presented.der).not.toBeNull();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'reads the certificate of a resumed session too, were tickets on over %s',
    async (version) => {
      const credential = await house.device('d2');
      const seen: { der: Uint8Array | null; reused: boolean }[] = [];
      const { server: own } = house;
      const options = { key: own.key, cert: own.cert, ca: house.authority.ca };
      const server = createServer({ ...options, requestCert: true, rejectUnauthorized: false }, (socket) => {
        seen.push({ der: presentedBy(socket).der, reused: socket.isSessionReused() });
        socket.end('x');
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      let session: Buffer | undefined;
      for (let i = 0; i < 2; i += 1) {
        const socket = connectTls({
          host: '127.0.0.1',
          port,
          servername: 'localhost',
          ca: house.authority.ca,
          cert: credential.cert,
          key: credential.key,
          minVersion: version,
          maxVersion: version,
          ...(session ? { session } : {}),
        });
        socket.on('session', (ticket) => {
          session = ticket;
        });
        socket.resume();
        await closed(socket);
      }
      server.close();
      expect(seen.map(({ reused }) => reused)).toEqual([false, true]);
      expect(seen.every(({ der }) => der !== null && Buffer.from(der).equals(credential.der))).toBe(true);
    },
  );

  it('takes no part in renegotiation', async () => {
    const socket = await house.raw(await house.device('d3'), { maxVersion: 'TLSv1.2' });
    const { promise, resolve } = withResolvers();
    let outcome: Error | null | undefined;
    socket.once('close', resolve);
    socket.renegotiate({ rejectUnauthorized: false }, (error) => {
      outcome = error;
      resolve();
    });
    await promise;
    expect(outcome === null).toBe(false);
    await closed(socket.destroyed ? closedAlready : socket);
  });

  it('destroys a connection whose handshake does not come to an end', async () => {
    const socket = connectTcp(house.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await closed(socket);
    expect(house.told('connection.refused').some(({ reason }) => reason === 'handshake_failed')).toBe(true);
  });

  it('destroys a connection that never sends a whole CONNECT', async () => {
    const [silent, partial] = [await house.raw(null), await house.raw(null)];
    partial.write(connectPacket('d4').subarray(0, 5));
    for (const socket of [silent, partial]) socket.resume();
    await Promise.all([closed(silent), closed(partial)]);
  });

  it('still speaks TLS 1.2, and nothing older', async () => {
    const credential = await house.device('d5');
    const socket = await house.raw(credential, { maxVersion: 'TLSv1.2' });
    expect(socket.getProtocol()).toBe('TLSv1.2');
    await expect(house.raw(credential, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' })).rejects.toThrow();
  });

  it('swaps its certificate without dropping a live connection, and keeps the old one on bad PEM', async () => {
    const credential = await house.device('d6');
    const live = await house.connected(credential, 'd6');
    const next = await house.authority.issue('localhost', { server: true });
    const ca = [house.authority.ca, (await createTestAuthority('Next CA')).ca];
    house.broker.setSecureContext({ key: next.key, cert: next.cert, ca });
    expect(() => house.broker.setSecureContext({ key: 'not PEM', cert: next.cert, ca })).toThrow();

    const socket = await house.raw(credential, { maxVersion: 'TLSv1.2' });
    expect(Buffer.from(next.der).equals(socket.getPeerX509Certificate()?.raw ?? Buffer.alloc(0))).toBe(true);
    expect((await connectOnce(house, 'TLSv1.2', socket.getSession())).reused).toBe(false);
    await live.publishAsync('devices/d6/x', 'still here', { qos: 1 });
    expect(live.connected).toBe(true);
  });
});

/** A stand-in for a socket that has closed before anybody listened. */
const closedAlready = { once: (_event: string, listener: () => void) => listener() } as unknown as TLSSocket;

describe('the number of connections', () => {
  it('is bounded by address and in all, before TLS, and what closes makes room', async () => {
    const house = await House.open({ connectionsPerAddressMax: 2, connectionsMax: 2 });
    const credential = await house.device('d1');
    const first = await house.connected(credential, 'd1:1');
    await house.connected(credential, 'd1:2');
    await expect(house.raw(credential)).rejects.toThrow();
    expect(house.told('connection.refused').map(({ reason }) => reason)).toEqual(['connections_max']);
    await first.endAsync();
    await until(() => house.broker.sessionCount === 1);
    await house.connected(credential, 'd1:3');
    await house.close();
  });

  it('is bounded for one address alone', async () => {
    const house = await House.open({ connectionsPerAddressMax: 1 });
    const credential = await house.device('d1');
    await house.connected(credential, 'd1');
    await expect(house.raw(credential)).rejects.toThrow();
    expect(house.told('connection.refused').map(({ reason }) => reason)).toEqual(['connections_per_address_max']);
    await house.raw(credential, { localAddress: '127.0.0.2' });
    await house.close();
  });
});
