// A device that is ended before it has a session, whatever it sends or does not send, over TLS and over a WebSocket: it is named where the
// ledger knows its certificate, and an alert is raised where it happens again and again. Of who is not known nothing is remembered.
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { closed, connectPacket, framed } from '../broker/harness.ts';
import { createTestAuthority } from '../broker/test-pki.ts';
import { type Credentials, type House, openHouse } from './harness.ts';
import type { Line } from './recorder.ts';

const name = 'disconnected_repeatedly';
/** So many connections at once are an alert. */
const often = 12;

/** The body of a CONNECT whose level, flags and client id are these. */
function connectWith({ level = 4, flags = 2, id = Buffer.from('d') as Uint8Array, rest = Buffer.alloc(0) }): Buffer {
  const head = Buffer.from([0, 4, ...Buffer.from('MQTT'), level, flags, 0, 60, 0, id.length]);
  return framed(0x10, Buffer.concat([head, id, rest]));
}

const ways: [what: string, reason: string, bytes: Buffer][] = [
  [
    'a CONNECT that is too large',
    'packet_too_large',
    connectPacket('d', { password: 'x'.repeat(20_000), username: 'x' }),
  ],
  ['a packet too large before CONNECT', 'packet_too_large', Buffer.from('10ffffff7f', 'hex')],
  ['a remaining length of five bytes', 'malformed_length', Buffer.from('108080808001', 'hex')],
  ['another packet than CONNECT', 'connect_expected', Buffer.from('c000', 'hex')],
  ['HTTP', 'connect_expected', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a CONNECT cut short', 'malformed_connect', framed(0x10, Buffer.from([0, 4, 77, 81, 84, 84, 4, 2]))],
  ['another protocol name', 'malformed_connect', framed(0x10, Buffer.from('00044d51585404020000000164', 'hex'))],
  ['a reserved flag', 'malformed_connect', connectWith({ flags: 3 })],
  ['flags of the fixed header', 'malformed_connect', framed(0x11, connectWith({}).subarray(2))],
  [
    'a password without a user name',
    'malformed_connect',
    connectWith({ flags: 0x42, rest: Buffer.from('000178', 'hex') }),
  ],
  ['a will at QoS 3', 'malformed_connect', connectWith({ flags: 0x1e, rest: Buffer.from('000178000178', 'hex') })],
  ['a will without its topic', 'malformed_connect', connectWith({ flags: 0x06 })],
  ['nothing at all', 'connect_late', Buffer.alloc(0)],
  ['half a CONNECT', 'connect_late', connectPacket('d').subarray(0, 9)],
  ['MQTT 5', 'protocol_version', connectWith({ level: 5 })],
  ['level 9', 'protocol_version', connectWith({ level: 9 })],
  ['a client id that is too long', 'client_id_not_allowed', connectPacket('d'.repeat(1_000))],
  ['a client id with a control character', 'client_id_not_allowed', connectPacket('d\u0007')],
  ['a client id that is no UTF-8', 'client_id_not_allowed', connectWith({ id: Buffer.from([0x64, 0xff]) })],
];

let house: House;
beforeAll(async () => {
  house = await openHouse({
    yaml: 'classes: { default: { lifetime: 30d } }\nwebsocket: { port: 0 }\nlimits: { connect: 1s }',
  });
});
afterAll(() => house.close());

type Visit = (credentials: Credentials, bytes: Buffer) => Promise<unknown>;

const tlsTo = (port: number, { certificatePem, keyPem }: Credentials): TLSSocket => {
  const socket = connect({ host: 'localhost', port, cert: certificatePem, key: keyPem, rejectUnauthorized: false });
  socket.on('error', () => undefined).on('data', () => undefined);
  return socket;
};

const overTls: Visit = async (credentials, bytes) => {
  const socket = tlsTo(house.gateway.ports.mqtt, credentials);
  const gone = closed(socket);
  await once(socket, 'secureConnect');
  socket.write(bytes);
  await gone;
};

const webSocket = ({ certificatePem, keyPem }: Credentials, path = '/mqtt', protocol = 'mqtt'): WebSocket => {
  const options = { cert: certificatePem, key: keyPem, rejectUnauthorized: false };
  const socket = new WebSocket(`wss://localhost:${house.gateway.ports.websocket}${path}`, protocol, options);
  return socket.on('error', () => undefined);
};

const overWebSocket: Visit = async (credentials, bytes) => {
  const socket = webSocket(credentials);
  const gone = closed(socket);
  await once(socket, 'open');
  socket.send(bytes);
  await gone;
};

/** As often as it takes, by a device of this id; the alert's detail. */
async function repeated(id: string, visit: (credentials: Credentials) => Promise<unknown>): Promise<string> {
  const credentials = await house.device(id);
  await Promise.all(Array.from({ length: often }, () => visit(credentials)));
  await expect
    .poll(() =>
      house.log.lines.some((each) => each['event.action'] === 'alert.raised' && `${each.message}`.includes(id)),
    )
    .toBe(true);
  return (await house.gateway.operations.showAlert({ kind: name, subject: id })).detail;
}

const isOfConnection = (line: Line): boolean => /^(connection|packet)\./.test(`${line['event.action']}`);
const named = (id: string) => ({ 'nolapse.principal': id });
const lineOf = (reason: string, id: string) =>
  house.log.lines.filter((each) => each['event.reason'] === reason && each['nolapse.principal'] === id);

describe.each([
  ['TLS', overTls],
  ['a WebSocket', overWebSocket],
] as const)('over %s a device that sends', (transport, visit) => {
  it.each(ways)('%s is named, and an alert is raised', async (what, reason, bytes) => {
    const id = `${transport.slice(-3)}-${what.replaceAll(/[^a-z0-9]/gi, '')}`;
    expect(await repeated(id, (credentials) => visit(credentials, bytes))).toContain(
      `before it had a session: ${reason}`,
    );
    expect(lineOf(reason, id).length).toBeGreaterThan(0);
    expect(house.log.count('admission.admitted', named(id))).toBe(0);
  });
});

describe('a device is named too, and an alert is raised, that asks for', () => {
  it.each<[string, (credentials: Credentials) => Promise<unknown>]>([
    ['another path', (credentials) => closed(webSocket(credentials, '/other'))],
    ['another subprotocol', (credentials) => closed(webSocket(credentials, '/mqtt', 'other'))],
    ['a page', (credentials) => httpOf(credentials, 'GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['no key', (credentials) => httpOf(credentials, upgradeWithout('Sec-WebSocket-Key'))],
    ['no HTTP', (credentials) => httpOf(credentials, '\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0')],
    ['nothing in time', (credentials) => httpOf(credentials, 'GET /mqtt HTTP/1.1\r\n')],
  ])('%s where MQTT over a WebSocket is expected', async (what, visit) => {
    const id = `http-${what.replaceAll(' ', '')}`;
    expect(await repeated(id, visit)).toContain('no_websocket');
    expect(lineOf('no_websocket', id).length).toBeGreaterThan(0);
  });

  it('a session with a text frame', async () => {
    const detail = await repeated('text', async (credentials) => {
      const socket = webSocket(credentials);
      const gone = closed(socket);
      await once(socket, 'open');
      socket.send('text');
      await gone;
    });
    expect(detail).toContain('malformed_connect');
  });

  it('a client id that is another one', async () => {
    expect(await repeated('misnamed', (credentials) => overTls(credentials, connectPacket('somebody')))).toContain(
      'client_id_mismatch',
    );
  });
});

function upgradeWithout(header: string): string {
  const headers = {
    Host: 'x',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Protocol': 'mqtt',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  const lines = Object.entries(headers).filter(([name]) => name !== header);
  return `GET /mqtt HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n`;
}

async function httpOf(credentials: Credentials, text: string): Promise<void> {
  const socket = tlsTo(house.gateway.ports.websocket ?? 0, credentials);
  const gone = closed(socket);
  await once(socket, 'secureConnect');
  socket.write(text, 'latin1');
  await gone;
}

describe('nobody is named, and no alert raised,', () => {
  it.each(ways.filter(([, reason]) => reason !== 'connect_late'))(
    'by a stranger with %s',
    async (_what, _reason, bytes) => {
      const since = house.log.lines.length;
      const stranger = await (await createTestAuthority()).issue('dev');
      const credentials = { certificatePem: stranger.cert, keyPem: stranger.key };
      await Promise.all(Array.from({ length: often }, () => overTls(credentials, bytes)));
      await expect.poll(() => house.log.lines.slice(since).some(isOfConnection)).toBe(true);
      const lines = house.log.lines.slice(since).filter(isOfConnection);
      expect(lines.filter((each) => 'nolapse.principal' in each)).toEqual([]);
      expect(house.log.count('alert.raised', { 'event.reason': 'unknown_identity' })).toBe(0);
    },
  );

  it('by who holds a certificate that is revoked, though it is named', async () => {
    const credentials = await house.device('revoked');
    const { certificates } = await house.gateway.operations.showDevice({ id: 'revoked' });
    await house.gateway.operations.revokeCertificate({
      id: certificates[0]?.fingerprint ?? '',
      reason: 'keyCompromise',
    });
    const bytes = connectPacket('x'.repeat(20_000));
    await Promise.all(Array.from({ length: often }, () => overTls(credentials, bytes)));
    await house.log.until('packet.refused', named('revoked'));
    // By then the alert of another, which came later, has been raised.
    await repeated('afterwards', (other) => overTls(other, bytes));
    const alerts = await house.gateway.operations.listAlerts({ open: true, kind: name, limit: 1_000 });
    const subjects = alerts.map(({ subject }) => subject);
    expect(subjects).toContain('afterwards');
    expect(subjects).not.toContain('revoked');
  });
});
