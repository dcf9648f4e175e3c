// Clients that leave at any moment and in any way, over TLS on sockets and on watched streams: the broker goes on, and forgets them all.
// Pauses are part of what is tried: each client is somewhere else when it leaves.
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { connectPacket, generate, House, publishBytes, until } from './harness.ts';
import type { Credential } from './test-pki.ts';

const clients = 900;
const atOnce = 24;

/** Whole numbers below `most`, the same in each run. */
function sequence(seed: number): (most: number) => number {
  let state = seed;
  return (most) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % most;
  };
}

const draw = sequence(7);

function leave(raw: Socket): void {
  const ways = [
    () => raw.destroy(),
    () => raw.resetAndDestroy(),
    () => raw.end(),
    () => raw.write(Buffer.alloc(50, draw(256)), () => raw.destroy()),
  ];
  ways[draw(ways.length)]?.();
}

function speak(socket: TLSSocket, id: string, clientId: string): void {
  socket.write(connectPacket(clientId));
  if (draw(2) === 0) {
    socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `devices/${id}/#`, qos: 1 }] }));
    for (let message = 1; message <= 5; message += 1) {
      socket.write(publishBytes(`devices/${id}/x`, 1, Buffer.alloc(draw(3) === 0 ? 60_000 : 20), message));
    }
  }
  if (draw(5) === 0) socket.write(generate({ cmd: 'disconnect' }));
  if (draw(8) === 0) socket.write(Buffer.from([0, 0, 0, 0]));
}

async function visit(house: House, credential: Credential, id: string, clientId: string): Promise<void> {
  const port = draw(4) === 0 ? house.websocketPort : house.port;
  // Each from an address of its own, so that it is watched, or from one of few, so that it is not.
  const localAddress = draw(2) === 0 ? `127.0.1.${1 + draw(5)}` : `127.${1 + draw(200)}.${draw(250)}.${1 + draw(250)}`;
  const raw = connectTcp({ host: '127.0.0.1', port, localAddress });
  raw.on('error', () => undefined);
  await once(raw, 'connect');
  const { cert, key } = credential;
  const maxVersion = draw(2) === 0 ? 'TLSv1.2' : 'TLSv1.3';
  const options: ConnectionOptions = { socket: raw, rejectUnauthorized: false, cert, key, maxVersion };
  const socket = connectTls({ ...options, servername: 'localhost' });
  socket.on('error', () => undefined);
  const secured = new Promise<void>((resolve) => socket.once('secureConnect', resolve).once('close', resolve));
  if (draw(5) > 0) await secured;
  else await pause(draw(4));
  if (draw(3) > 0) socket.resume();
  if (draw(6) > 0) speak(socket, id, clientId);
  await pause(draw(12));
  if (draw(10) === 0) await house.broker.sessions.closeByCertificate(credential.fingerprint, 'revoked');
  if (draw(3) === 0) socket.end();
  else leave(raw);
  await pause(draw(6));
  socket.destroy();
  raw.destroy();
}

it('the broker outlives clients that leave in the middle of anything', async () => {
  const house = await House.open(
    { connectMs: 500, handshakeMs: 500, lingerMs: 50, connectionsPerAddressMax: 10 },
    { websocket: { host: '127.0.0.1', port: 0, path: '/mqtt' } },
  );
  const known = await Promise.all(['d0', 'd1', 'd2'].map((id) => house.device(id)));
  const stranger = await house.authority.issue('stranger');
  let visits = 0;
  const worker = async (): Promise<void> => {
    while (visits < clients) {
      visits += 1;
      const which = draw(4);
      await visit(house, known[which] ?? stranger, `d${which}`, `d${which}:${visits}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  await until(() => house.broker.connectionCount === 0);
  await until(() => house.broker.sessionCount === 0);
  expect(house.entrance.present).toEqual([]);
  expect(house.entrance.admitted.length).toBeGreaterThan(clients / 10);
  await house.close();
});
