// The main job: a device's certificate is replaced over MQTT before it expires, both are admitted during the overlap, and the
// old one is refused after it.
import { afterEach, describe, expect, it } from 'vitest';
import { connackOf, connect, type House, newRequest, openHouse, pemOf, quickClasses, Speaker } from './harness.ts';
import { renewTwice } from './simulated.ts';

let house: House;
afterEach(() => house.close());

describe('a renewal over MQTT', () => {
  it.each(['json', 'cbor'] as const)('goes through word by word in %s', async (encoding) => {
    house = await openHouse({ yaml: `${quickClasses}crl: { interval: 1s }\n` });
    const first = await house.device('pump-7');
    const device = await new Speaker(await connect(house, first, 'pump-7'), 'pump-7', encoding).listen();
    await device.say({ word: 'hello', maxPacket: 4_096 });
    const offer = await device.next('offer');
    const { keyPem, csr } = await newRequest('pump-7');
    await device.say({ word: 'csr', renewal: offer.renewal, csr });
    const { certificates } = await device.next('cert');
    await device.say({ word: 'ack', renewal: offer.renewal, status: 'installed' });
    const second = { certificatePem: pemOf(certificates), keyPem, rootPem: first.rootPem };

    const activated = await new Speaker(await connect(house, second, 'pump-7:new'), 'pump-7', encoding).listen();
    const { retires } = await activated.next('done');
    expect(retires).toBeGreaterThan(Date.now() / 1_000 - 1);
    expect(await connackOf(house, first, 'pump-7:old')).toBe(0);
    expect(await connackOf(house, second, 'pump-7:again')).toBe(0);

    await house.log.until('renewal.retired');
    expect(await connackOf(house, first, 'pump-7:old')).toBe(5);
    expect(await connackOf(house, second, 'pump-7:again')).toBe(0);
    await house.log.until('crl.published', { 'nolapse.crl.entries': 1 });
    const { renewals } = await house.gateway.operations.showDevice({ id: 'pump-7' });
    const done = renewals.find(({ id }) => id === offer.renewal);
    expect(done).toMatchObject({ state: 'retired', lapsedAt: null });
    await device.client.endAsync(true);
    await activated.client.endAsync(true);
  });

  it('is done by the simulated device by itself, over and over', async () => {
    house = await openHouse({
      yaml: 'classes: { default: { lifetime: 8s, renewAt: 20%, spread: 0%, overlap: 1s, grace: 60s } }',
    });
    await renewTwice(house, 'pump-8', await house.device('pump-8'));
  });
});
