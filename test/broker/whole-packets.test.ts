// However many packets come at once, and whatever becomes of each, all are read, whole and in their order: what is refused at once must
// not have the next bytes parsed while the packet before them still is.
import { expect, it } from 'vitest';
import { connectPacket, House, packetsOf, publishBytes, until } from './harness.ts';

it.each([
  ['are refused', 'devices/other/', 1_000],
  ['are refused', 'devices/other/', 10],
  ['are taken', 'devices/d1/', 1_000],
  ['are taken', 'devices/d1/', 10],
])('2,000 messages that %s, on %s and %d characters', async (_what, prefix, length) => {
  const house = await House.open();
  const credential = await house.device('d1');
  for (const localAddress of ['127.0.0.1', '127.0.0.1', '127.0.0.2']) {
    const socket = await house.raw(credential, { localAddress });
    const packets = packetsOf(socket);
    socket.write(connectPacket('d1'));
    await until(() => packets.length === 1);
    const message = publishBytes(`${prefix}${'x'.repeat(length)}`, 0, Buffer.from('y'));
    socket.write(Buffer.concat([...Array(2_000).fill(message), publishBytes('devices/d1/last', 1, Buffer.from('z'))]));
    await until(() => packets.length === 2);
    expect(packets[1]).toMatchObject({ cmd: 'puback' });
    socket.destroy();
    await until(() => house.broker.sessionCount === 0);
  }
  expect(house.entrance.denials).toHaveLength(prefix === 'devices/other/' ? 6_000 : 0);
  expect(house.told('connection.failed')).toEqual([]);
  await house.close();
});
