// Alerts about addresses of known devices whose connections are kept out before anybody can say whose they are, on the real broker.
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { connect, type House, openHouse } from './harness.ts';

const patient = 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }';

let house: House;
afterEach(() => house.close());

/** A connection from there that sends these bytes, until it is closed. */
async function visit(bytes: string, localAddress = '127.0.0.1'): Promise<void> {
  const socket = connectTcp({ host: '127.0.0.1', port: house.gateway.ports.mqtt, localAddress });
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(bytes);
  await once(socket, 'close');
}

const notTls = 'GET / HTTP/1.1\r\n\r\n';
const raised = (kind: string) => house.log.until('alert.raised', { 'event.reason': kind });

it('are raised when a limit closes connections from where a device is, once for each limit', async () => {
  house = await openHouse({ yaml: `${patient}\nlimits: { connectionsPerAddress: 2 }\n` });
  const device = await connect(house, await house.device('dev-1'), 'dev-1');
  const other = connectTcp(house.gateway.ports.mqtt, '127.0.0.1');
  await once(other, 'connect');
  for (let times = 0; times < 5; times += 1) await visit('');
  await raised('connections_refused');
  const name = { kind: 'connections_refused', subject: 'connections_per_address_max' };
  expect(await house.gateway.operations.showAlert(name)).toMatchObject({
    severity: 'critical',
    detail: expect.stringContaining('are refused: limits.connectionsPerAddress is reached'),
  });
  expect(house.log.count('alert.raised')).toBe(1);
  other.destroy();
  await device.endAsync(true);
});

it('are raised when handshakes fail twenty times where a device is, and not by a stranger elsewhere', async () => {
  house = await openHouse({ yaml: patient });
  const device = await connect(house, await house.device('dev-1'), 'dev-1');
  for (let times = 0; times < 25; times += 1) await visit(notTls, '127.0.0.2');
  for (let times = 0; times < 19; times += 1) await visit(notTls);
  expect(house.log.count('alert.raised')).toBe(0);
  await visit(notTls);
  await raised('handshakes_failing');
  expect(house.log.count('connection.refused')).toBeGreaterThan(0);
  await device.endAsync(true);
});

it('are raised when handshakes fail at three addresses of devices', async () => {
  house = await openHouse({ yaml: patient });
  const credentials = await house.device('dev-1');
  const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
  for (const localAddress of addresses) {
    const device = await connect(house, credentials, 'dev-1', { localAddress } as object);
    await device.endAsync(true);
  }
  for (const localAddress of addresses) await visit(notTls, localAddress);
  await raised('handshakes_failing');
});

it('are raised when nobody gets in after a start, where somebody could', async () => {
  house = await openHouse({ yaml: patient });
  const credentials = await house.device('dev-1');
  await (await connect(house, credentials, 'dev-1')).endAsync(true);
  await house.restart();
  for (let times = 0; times < 25; times += 1) await visit(notTls, '127.0.0.2');
  await raised('handshakes_failing');
});
