// Further ports of a broker that runs: each with a chain of its own, opened and closed while sessions live, and a control that nobody can
// trust. Real TLS throughout.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TlsMaterial } from '../../src/broker/door/tls-options.ts';
import { furtherPortsMax, type OpenPort } from '../../src/broker/ports.ts';
import { controlRoot } from '../../src/domain/trust-record.ts';
import { Turns } from '../../src/pacing/turns.ts';
import { closed, connectPacket, House, packetsOf, until } from './harness.ts';
import { type Credential, createTestAuthority, type TestAuthority } from './test-pki.ts';

const here = { host: '127.0.0.1', port: 0 };

let next: TestAuthority;
let chain: Credential;
let house: House;
let device: Credential;
beforeAll(async () => {
  next = await createTestAuthority('Next CA');
  chain = await next.issue('localhost', { server: true });
});
beforeEach(async () => {
  house = await House.open({}, { websocket: { ...here, path: '/mqtt' } });
  device = await house.device('d1');
});
afterEach(() => house.close());

/** Key and chain of the next root, with the same hints as on the first port. */
function material(root: number): TlsMaterial {
  return { root, key: chain.key, cert: chain.cert, ca: [house.authority.ca, next.ca] };
}

const under = (port: number, ca: string | string[] = next.ca) => ({ port, ca });
const roots = () => house.entrance.admitted.map(({ root }) => root);

async function refuses(port: number, ca: string): Promise<boolean> {
  const attempt = house.raw(device, under(port, ca));
  return attempt.then(
    () => false,
    (error: Error) => /self-signed|unable to/.test(error.message),
  );
}

describe('a further port', () => {
  it('shows its own chain, and a session knows the root of the port that it came over', async () => {
    const port = await house.broker.open(here, material(2));
    const both = [house.authority.ca, next.ca];
    const clients = [
      await house.connected(device, 'd1:1'),
      await house.connected(device, 'd1:2', under(port.port)),
      await house.connected(device, 'd1:3', under(port.port, both)),
      await house.connected(device, 'd1:4', under(house.port, both)),
    ];
    expect(roots()).toEqual([1, 2, 2, 1]);
    expect(await refuses(port.port, house.authority.ca)).toBe(true);
    expect(await refuses(house.port, next.ca)).toBe(true);
    expect(clients.every(({ connected }) => connected)).toBe(true);
    expect(house.broker.sessionsUnder(1)).toBe(2);
    expect(house.broker.sessionsUnder(2)).toBe(2);
  });

  it('sends its chain as it was given, and no cross beside it', async () => {
    const port = await house.broker.open(here, material(2));
    const socket = await house.raw(device, under(port.port));
    const sent = socket.getPeerCertificate(true);
    expect(Buffer.from(sent.raw).equals(chain.der)).toBe(true);
    // Node adds the anchor that it has verified with, which is its own issuer.
    expect(sent.issuerCertificate.fingerprint256).toBe(sent.issuerCertificate.issuerCertificate.fingerprint256);
  });

  it('is behind the same door and limits', async () => {
    await house.close();
    house = await House.open({ connectionsPerAddressMax: 2 });
    const port = await house.broker.open(here, material(2));
    const known = await house.device('d2');
    await house.connected(known, 'd2:1');
    await house.connected(known, 'd2:2', under(port.port));
    await expect(house.connected(known, 'd2:3', under(port.port))).rejects.toThrow();
    expect(house.told('connection.refused').map(({ reason }) => reason)).toEqual(['connections_per_address_max']);
  });

  it('is closed without dropping the sessions that came over it, and can be opened again', async () => {
    const port = await house.broker.open(here, material(2));
    const client = await house.connected(device, 'd1', under(port.port));
    port.close();
    port.close();
    await expect(house.raw(device, under(port.port))).rejects.toThrow(/ECONNREFUSED/);
    await client.publishAsync('devices/d1/x', 'still here', { qos: 1 });
    const again = await house.broker.open({ ...here, port: port.port }, material(2));
    expect(again.port).toBe(port.port);
    await house.connected(device, 'd1:2', under(again.port));
    await client.publishAsync('devices/d1/x', 'and here', { qos: 1 });
    expect(client.connected).toBe(true);
    expect(house.broker.sessionsUnder(2)).toBe(2);
  });

  it('changes its chain and its root for connections to come, and keeps the old one on bad PEM', async () => {
    const port = await house.broker.open(here, { ...material(2) });
    const client = await house.connected(device, 'd1:1', under(port.port));
    expect(() => port.setSecureContext({ ...material(3), cert: 'no PEM' })).toThrow();
    await house.connected(device, 'd1:2', under(port.port));
    const third = await createTestAuthority('Third CA');
    const pair = await third.issue('localhost', { server: true });
    port.setSecureContext({ ...material(3), key: pair.key, cert: pair.cert });
    await house.connected(device, 'd1:3', under(port.port, third.ca));
    expect(await refuses(port.port, next.ca)).toBe(true);
    expect(roots()).toEqual([2, 2, 3]);
    expect(client.connected).toBe(true);
  });

  it('of a connection whose handshake began before the change has the root that it was shown', async () => {
    const socket = await house.raw(device);
    house.broker.setSecureContext(material(2));
    const packets = packetsOf(socket);
    socket.write(connectPacket('d1'));
    await until(() => packets.length > 0);
    expect(roots()).toEqual([1]);
  });

  it('is not opened where the port is taken, the PEM is bad or too many are open', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    house.onClose(() => taken.close());
    const { port } = taken.address() as { port: number };
    await expect(house.broker.open({ ...here, port }, material(2))).rejects.toThrow(/EADDRINUSE/);
    await expect(house.broker.open(here, { ...material(2), key: 'no PEM' })).rejects.toThrow();
    const open: OpenPort[] = [];
    while (open.length < furtherPortsMax) open.push(await house.broker.open(here, material(2)));
    await expect(house.broker.open(here, material(2))).rejects.toMatchObject({ code: 'ports_max' });
    open[0]?.close();
    await house.broker.open(here, material(2));
  });

  it('is closed with the broker, which opens none any more', async () => {
    const port = await house.broker.open(here, material(2));
    await house.connected(device, 'd1', under(port.port));
    await house.broker.close();
    await expect(house.raw(device, under(port.port))).rejects.toThrow(/ECONNREFUSED/);
    await expect(house.broker.open(here, material(2))).rejects.toMatchObject({ code: 'broker_closed' });
  });
});

describe("the WebSocket's port", () => {
  it('shows what the first port shows, with its root', async () => {
    await house.broker.open(here, material(3));
    const connect = (ca: string, clientId: string) => {
      const wsOptions = { ca, servername: 'localhost', cert: device.cert, key: device.key };
      return house.connected(device, clientId, {
        protocol: 'wss',
        port: house.websocketPort,
        path: '/mqtt',
        wsOptions,
      });
    };
    await connect(house.authority.ca, 'd1:1');
    house.broker.setSecureContext(material(2));
    await connect(next.ca, 'd1:2');
    expect(roots()).toEqual([1, 2]);
  });
});

describe('a control', () => {
  const open = (): Promise<OpenPort> => house.broker.open(here, material(controlRoot));

  /** One handshake there by a client that verifies the broker. */
  async function distrust(port: number): Promise<void> {
    const { ca } = house.authority;
    const own = { cert: device.cert, key: device.key };
    const socket = connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost', ...own });
    socket.on('error', () => undefined);
    await closed(socket);
  }

  const told = () => house.told('connection.refused').map(({ reason, level }) => `${reason} ${level}`);

  it('gives nobody a session, not even who would be admitted, and answers with 5', async () => {
    const { port } = await open();
    expect(await house.refusal(device, 'd1', under(port))).toBe(5);
    expect(await house.refusal(null, 'd1', under(port))).toBe(5);
    expect(await house.refusal(device, 'x'.repeat(5_000), under(port))).toBe(5);
    expect(house.entrance.controlled).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1']);
    expect(house.entrance.admitted).toEqual([]);
    expect(house.entrance.present).toEqual([]);
    expect(house.broker.sessionCount).toBe(0);
  });

  it('takes a failed handshake for what it should be: no alert, no charge, and a line for who looks', async () => {
    const charged = vi.spyOn(Turns.prototype, 'charge');
    await house.connected(device, 'd1');
    const { port } = await open();
    charged.mockClear();
    await distrust(port);
    await until(() => told().length === 1);
    expect(told()).toEqual(['control_untrusted debug']);
    expect(house.entrance.keptOutFrom).toEqual([]);
    expect(charged.mock.calls.filter(([, ms]) => ms > 0)).toEqual([]);
    // On the first port the same is charged and told.
    house.broker.setSecureContext(material(2));
    await distrust(house.port);
    await until(() => told().length === 2);
    expect(house.entrance.keptOutFrom).toHaveLength(1);
    expect(charged.mock.calls.filter(([, ms]) => ms > 0)).toHaveLength(1);
    charged.mockRestore();
  });

  it('has so many handshakes free, and no more, and those of strangers are charged from the first', async () => {
    const { port } = await open();
    await house.connected(device, 'd1');
    const charged = vi.spyOn(Turns.prototype, 'charge');
    for (let count = 0; count < 22; count += 1) await distrust(port);
    await until(() => told().length === 22);
    expect(charged.mock.calls.filter(([, ms]) => ms > 0)).toHaveLength(2);
    charged.mockRestore();
  });
});
