// Requests as TLS stacks write them, through the broker: certified whatever they ask for beside their key, and what was ignored is in
// the renewal's record once.
import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { pemToDer } from '../../src/pki/pem.ts';
import { connect, type House, openHouse, Speaker } from './harness.ts';

let house: House;
afterEach(() => house.close());

const requestOf = (file: string): Uint8Array =>
  pemToDer(readFileSync(`test/pki/requests/${file}.pem`, 'latin1'), 'CERTIFICATE REQUEST')?.[0] ?? new Uint8Array();

it('are certified, after one that is refused with a code that says why', async () => {
  house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }' });
  const pump = await house.device('pump-1');
  const device = await new Speaker(await connect(house, pump, 'pump-1'), 'pump-1').listen();
  await device.say({ word: 'hello', maxPacket: 4_096 });
  await house.gateway.operations.runRenewal({ device: 'pump-1' });
  const { renewal } = await device.next('offer');
  await device.say({ word: 'csr', renewal, csr: requestOf('forge-sha1') });
  expect(await device.next('error')).toMatchObject({ code: 'algorithm_refused', detail: 'sha1WithRSAEncryption' });
  await device.say({ word: 'csr', renewal, csr: requestOf('mbedtls-2.28-usage') });
  expect((await device.next('cert')).certificates.length).toBeGreaterThan(0);
  const told = house.log.lines.filter((line) => line['event.action'] === 'renewal.requested');
  expect(told.map((line) => line['message'])).toEqual([
    'pump-1: renewal requested; ignored in its request: extensions keyUsage, netscapeCertType',
  ]);
  await device.client.endAsync(true);
});
