// MQTT over secure WebSockets: the same door with the same questions, and nothing else on that port.
import { once } from 'node:events';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { closed, connectPacket, generate, House, inbox, until } from './harness.ts';
import type { Credential } from './test-pki.ts';

describe('a WebSocket connection', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open(
      { connectMs: 2_000, packetBytesMax: 32 * 1024 },
      { websocket: { host: '127.0.0.1', port: 0, path: '/mqtt' } },
    );
  });
  afterAll(() => house.close());

  const wss = (credential: Credential | null) => ({
    protocol: 'wss' as const,
    port: house.websocketPort,
    path: '/mqtt',
    wsOptions: {
      ca: house.authority.ca,
      servername: 'localhost',
      ...(credential ? { cert: credential.cert, key: credential.key } : {}),
    },
  });

  const open = (credential: Credential | null, protocol = 'mqtt', path = '/mqtt') => {
    const socket = new WebSocket(`wss://127.0.0.1:${house.websocketPort}${path}`, protocol, {
      ...wss(credential).wsOptions,
    });
    socket.on('error', () => undefined);
    house.onClose(() => socket.terminate());
    return socket;
  };

  it('is admitted by its client certificate and carries messages both ways', async () => {
    const credential = await house.device('d1');
    const client = await house.connected(credential, 'd1', wss(credential));
    expect(Buffer.from(house.entrance.admitted.at(-1)?.presented.der ?? []).equals(credential.der)).toBe(true);
    const heard = inbox(client);
    await client.subscribeAsync('devices/d1/#', { qos: 1 });
    await client.publishAsync('devices/d1/x', 'y'.repeat(30_000), { qos: 1 });
    await until(() => heard.length === 1);
    await client.publishAsync('$enroll/1/d1/hello', '{}', { qos: 1 });
    expect(house.entrance.received).toHaveLength(1);
    const gone = closed(client);
    expect(await house.broker.sessions.closeByCertificate(credential.fingerprint, 'revoked')).toBe(1);
    await gone;
    await until(() => house.broker.sessionCount === 0);
  });

  it('is refused like any other without a certificate', async () => {
    expect(await house.refusal(null, 'd1', wss(null))).toBe(5);
  });

  it('ends on a text frame, on a packet too large and when no CONNECT comes', async () => {
    const text = open(null);
    await once(text, 'open');
    text.send('hello');
    await closed(text);
    const large = open(null);
    await once(large, 'open');
    large.send(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]));
    await closed(large);
    const frame = open(await house.device('d2'));
    await once(frame, 'open');
    frame.send(connectPacket('d2'));
    frame.send(Buffer.alloc(200 * 1024));
    await closed(frame);
    const silent = open(null);
    await once(silent, 'open');
    await closed(silent);
    await until(() => house.broker.sessionCount === 0);
  });

  it('has each of many packets in one frame answered, more than are handled in one turn', async () => {
    const socket = open(await house.device('d3'));
    await once(socket, 'open');
    const sent = Buffer.alloc(2 * 10_000, generate({ cmd: 'pingreq' }));
    let answered = 0;
    socket.on('message', (data: Buffer) => {
      answered += data.length;
    });
    socket.send(connectPacket('d3'));
    await until(() => answered === 4);
    socket.send(sent);
    await until(() => answered === 4 + sent.length);
    socket.terminate();
    await until(() => house.broker.sessionCount === 0);
  });

  it('is not opened for another path or subprotocol, and plain requests are told to upgrade', async () => {
    for (const socket of [open(null, 'mqtt', '/other'), open(null, 'chat')]) {
      await closed(socket);
      expect(socket.readyState).toBe(WebSocket.CLOSED);
    }
    const asked = request({ host: '127.0.0.1', port: house.websocketPort, ...wss(null).wsOptions }).end();
    const [response] = await once(asked, 'response');
    expect(response.statusCode).toBe(426);
    response.resume();
  });
});
