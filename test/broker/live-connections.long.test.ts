// A server's key and chain change while 500 TLS connections live: on the first port, on a further one, and when that is closed.
import type { TLSSocket } from 'node:tls';
import { afterAll, expect, it } from 'vitest';
import type { TlsMaterial } from '../../src/broker/door/tls-options.ts';
import { connectPacket, House, packetsOf, until } from './harness.ts';
import { createTestAuthority } from './test-pki.ts';

const count = 500;
const house = await House.open({ connectionsPerAddressMax: 2 * count, sessionsPerPrincipalMax: 2 * count });
afterAll(() => house.close());

interface Live {
  readonly socket: TLSSocket;
  readonly packets: ReturnType<typeof packetsOf>;
}

it('a chain changes under 500 live connections, and none drops', async () => {
  const old = await createTestAuthority('Old CA');
  const next = await createTestAuthority('Next CA');
  const materialOf = async (authority: typeof old, root: number): Promise<TlsMaterial> => {
    const { key, cert } = await authority.issue('localhost', { server: true });
    return { root, key, cert, ca: [old.ca, next.ca] };
  };
  const further = await house.broker.open({ host: '127.0.0.1', port: 0 }, await materialOf(old, 1));
  const lost: number[] = [];
  const lives: Live[] = [];
  for (let index = 0; index < count; index += 1) {
    const credential = await house.device(`d${index}`);
    // Every other one over the further port, and TLS 1.2 as often as 1.3.
    const place = index % 2 === 0 ? {} : { port: further.port, ca: old.ca };
    const socket = await house.raw(credential, { ...place, maxVersion: index % 4 < 2 ? 'TLSv1.2' : 'TLSv1.3' });
    socket.once('close', () => lost.push(index));
    const packets = packetsOf(socket);
    socket.write(connectPacket(`d${index}`));
    lives.push({ socket, packets });
  }
  const haveAll = (packets: number) => until(() => lives.every((live) => live.packets.length >= packets));
  const pingAll = (): void => {
    for (const { socket } of lives) socket.write(Buffer.from([0xc0, 0]));
  };
  await haveAll(1);
  expect(house.broker.sessionCount).toBe(count);

  for (let change = 1; change <= 3; change += 1) {
    pingAll();
    const [authority, root] = change % 2 === 1 ? ([next, 2] as const) : ([old, 1] as const);
    house.broker.setSecureContext(await materialOf(authority, root));
    further.setSecureContext(await materialOf(authority, root));
    pingAll();
    await haveAll(1 + 2 * change);
    for (const port of [house.port, further.port]) {
      const newcomer = await house.raw(await house.device('late'), { port, ca: authority.ca });
      const packets = packetsOf(newcomer);
      newcomer.write(connectPacket(`late:${port}:${change}`));
      await until(() => packets.length > 0);
      expect(house.entrance.admitted.at(-1)?.root).toBe(root);
      newcomer.destroy();
    }
  }
  further.close();
  pingAll();
  await haveAll(8);
  expect(lost).toEqual([]);
  await until(() => house.broker.sessionCount === count);
});
