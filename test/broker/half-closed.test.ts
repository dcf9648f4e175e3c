// Clients that close their side right behind what they send, from addresses that the door watches and from those that it does not.
import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  closed,
  connectPacket,
  generate,
  House,
  inbox,
  packetsOf,
  publishBytes,
  until,
  withResolvers,
} from './harness.ts';
import type { Credential } from './test-pki.ts';

let house: House;
let faults: Error[];
const onFault = (error: Error): void => void faults.push(error);
beforeEach(async () => {
  house = await House.open();
  faults = [];
  process.on('uncaughtException', onFault);
});
afterEach(async () => {
  await house.close();
  process.off('uncaughtException', onFault);
  expect(faults).toEqual([]);
});

/** The other one is known by the time that the service is connected. */
const addresses = [
  ['watched', '127.0.0.7'],
  ['known', '127.0.0.1'],
] as const;
const versions = ['TLSv1.2', 'TLSv1.3'] as const;
const kinds = addresses.flatMap(([name, address]) => versions.map((version) => [name, version, address] as const));

/** A service that is told all that `d1` publishes. */
async function listener(): Promise<string[]> {
  const client = await house.connected(await house.service('s1', { publish: [], subscribe: ['devices/#'] }), 's1');
  const lines = inbox(client);
  await client.subscribeAsync('devices/#', { qos: 1 });
  return lines;
}

function open(localAddress: string, version: (typeof versions)[number], credential: Credential | null): TLSSocket {
  const options: ConnectionOptions & { readonly localAddress: string } = {
    host: '127.0.0.1',
    port: house.port,
    ca: house.authority.ca,
    servername: 'localhost',
    minVersion: version,
    maxVersion: version,
    localAddress,
    ...(credential ? { cert: credential.cert, key: credential.key } : {}),
  };
  const socket = connect(options);
  socket.on('error', () => undefined).resume();
  house.onClose(() => socket.destroy());
  return socket;
}

const will = { topic: 'devices/d1/will', payload: Buffer.from('lost'), qos: 1, retain: false };

describe.each(kinds)('from an address that is %s, over %s', (_name, version, address) => {
  it('a device that sends much, disconnects and closes loses nothing of it, and its will is not published', async () => {
    const lines = await listener();
    const socket = open(address, version, await house.device('d1'));
    await once(socket, 'secureConnect');
    const packets = packetsOf(socket);
    socket.write(connectPacket('d1', { will }));
    await until(() => packets.length === 1);
    const payload = Buffer.alloc(1_000, 'x');
    const messages = Array.from({ length: 2_000 }, () => publishBytes('devices/d1/x', 0, payload));
    socket.end(Buffer.concat([...messages, publishBytes('devices/d1/end', 0, Buffer.from('.')), disconnect()]));
    await until(() => house.entrance.ends.length === 1);
    await until(() => lines.includes('devices/d1/end .'));
    expect(house.entrance.ends).toMatchObject([{ clientId: 'd1', cause: 'disconnected' }]);
    expect(lines).toHaveLength(2_001);
    await until(() => house.broker.connectionCount === 1);
  });

  it('a client that sends all at once and closes while it is judged is judged like any other', async () => {
    const lines = await listener();
    const { promise, resolve } = withResolvers();
    house.entrance.before = () => promise;
    const socket = open(address, version, await house.device('d1'));
    socket.end(Buffer.concat([connectPacket('d1'), publishBytes('devices/d1/x', 0, Buffer.from('1')), disconnect()]));
    await until(() => house.entrance.admitted.length === 2);
    resolve();
    await until(() => lines.length === 1);
    await until(() => house.broker.connectionCount === 1);
  });

  it.each([1, 1_000, 50_000])(
    'a stranger that sends %i bytes behind its CONNECT and closes ends itself alone',
    async (bytes) => {
      const lines = await listener();
      const { promise, resolve } = withResolvers();
      house.entrance.before = () => promise;
      const socket = open(address, version, null);
      socket.end(Buffer.concat([connectPacket('d1'), publishBytes('devices/d1/x', 0, Buffer.alloc(bytes))]));
      await until(() => house.entrance.admitted.length === 2);
      resolve();
      await closed(socket);
      await until(() => house.broker.connectionCount === 1);
      expect(lines).toEqual([]);
    },
  );
});

function disconnect(): Buffer {
  return generate({ cmd: 'disconnect' });
}
