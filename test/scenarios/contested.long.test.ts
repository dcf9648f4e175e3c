// A thief of a living key displaces its device as often as it can, from another address: somebody is alerted of both, and the device
// renews all the same.
import { once } from 'node:events';
import { connect } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { closed, connectPacket } from '../broker/harness.ts';
import { type Credentials, type House, openHouse } from './harness.ts';
import { startDevice } from './simulated.ts';

let house: House;
afterEach(() => house.close());

/** Comes again whenever it was displaced, until it is told to stop. */
function steal(id: string, { certificatePem, keyPem }: Credentials): () => Promise<void> {
  let stopped = false;
  let destroy: () => void = () => undefined;
  const run = async (): Promise<void> => {
    while (!stopped) {
      const socket = connect({
        ...{ host: '127.0.0.1', localAddress: '127.0.0.2', port: house.gateway.ports.mqtt },
        ...{ cert: certificatePem, key: keyPem, rejectUnauthorized: false },
      });
      socket.on('error', () => undefined).resume();
      destroy = () => void socket.destroy();
      const ended = closed(socket);
      await Promise.race([once(socket, 'secureConnect').catch(() => undefined), ended]);
      socket.write(connectPacket(id));
      // It speaks all the time, so that its session is never silent.
      const speaking = setInterval(() => socket.write(Buffer.from('c000', 'hex')), 500);
      await ended;
      clearInterval(speaking);
    }
  };
  const running = run();
  return () => {
    stopped = true;
    destroy();
    return running;
  };
}

it('a device renews while a thief of its key takes its client id again and again, and both addresses are told', async () => {
  house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }' });
  const issued = await house.device('d1');
  const device = startDevice('d1', issued, house.gateway.ports.mqtt);
  await device.once('connected');
  const stop = steal('d1', issued);
  await expect
    .poll(() => house.log.count('alert.raised', { 'event.reason': 'credential_contested' }), { timeout: 60_000 })
    .toBe(1);
  const { detail } = await house.gateway.operations.showAlert({ kind: 'credential_contested', subject: 'd1' });
  expect(detail).toMatch(/127\.0\.0\.2/);
  expect(detail).toMatch(/::1|127\.0\.0\.1/);
  await house.gateway.operations.runRenewal({ device: 'd1' });
  await expect.poll(() => house.log.count('renewal.activated'), { timeout: 90_000 }).toBe(1);
  await stop();
  await device.stop();
}, 180_000);
