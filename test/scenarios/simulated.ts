// Devices of the simulator against a test's broker, with pauses of tenths of a second. The test stops them.
import { expect } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { memoryCredentials } from '../../src/simulator/credentials.ts';
import { Device } from '../../src/simulator/device.ts';
import { idOf } from '../domain/samples.ts';
import type { House } from './harness.ts';

/** One that renews by itself from its first certificate on. */
export function startDevice(id: string, issued: IssuedView, port: number): Device {
  const device = new Device({
    id: idOf(id),
    target: { host: 'localhost', port, ca: issued.rootPem },
    store: memoryCredentials({ ...issued, renewal: null, retires: null }),
    telemetryMs: 0,
    retryFirstMs: 100,
    retryMaxMs: 500,
  });
  device.start();
  return device;
}

/** The same, once it is connected. */
export async function connectDevice(id: string, issued: IssuedView, port: number): Promise<Device> {
  const device = startDevice(id, issued, port);
  await device.once('connected');
  return device;
}

/** Has it renew twice, whole, and never without a certificate. */
export async function renewTwice(house: House, id: string, issued: IssuedView): Promise<void> {
  const device = startDevice(id, issued, house.gateway.ports.mqtt);
  await house.log.until('renewal.retired');
  const since = house.log.lines.length;
  await house.log.until('renewal.retired', {}, since);
  await device.stop();
  expect(house.log.count('renewal.expired')).toBe(0);
}
