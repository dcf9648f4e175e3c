// A device's first enrollment, which a bootstrap anchor lets its own connection begin, is its own: a site gateway that holds a
// delegation for it hears of it, and can neither ask for the certificate nor meddle with what the device asks for.
import { afterEach, describe, expect, it } from 'vitest';
import type { UpMessage } from '../../src/domain/message.ts';
import { createTestAuthority } from '../broker/test-pki.ts';
import { type Credentials, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

let house: House;
afterEach(() => house.close());

describe('the first enrollment of a device that is delegated to a gateway', () => {
  it('takes nothing from the gateway, whole, in parts or as an acknowledgement, and goes on with the device', async () => {
    const maker = await createTestAuthority('Maker');
    house = await openHouse({ yaml: 'bootstrap: { anchors: [maker.crt] }', files: { 'maker.crt': maker.ca } });
    await house.gateway.operations.addDevice({ id: 'dev-1', owner: 'tests' });
    const made = await maker.issue('dev-1');
    const stranger: Credentials = { certificatePem: made.cert, keyPem: made.key };
    const gateway = await openGateway(house, 'gw-1');
    await delegate(house, 'gw-1');

    const device = await new Speaker(await connect(house, stranger, 'dev-1'), 'dev-1').listen();
    await device.say({ word: 'hello', maxPacket: 4_096 });
    const { renewal } = await device.next('offer');
    const through = new SiteDevice(gateway.client, 'dev-1', stranger);
    const theirs = (await newRequest('dev-1')).csr;
    const part = { offset: 0, total: theirs.length, bytes: theirs.subarray(0, 100) };
    const attempts: readonly UpMessage[] = [
      { word: 'csr', renewal, csr: theirs },
      { word: 'csr', renewal, ...part },
      { word: 'get', renewal, offset: 0, length: 10 },
      { word: 'ack', renewal, status: 'failed', code: 'meddling' },
    ];
    for (const attempt of attempts) {
      await through.say(attempt);
      expect(await gateway.next('error')).toMatchObject({ code: 'not_delegated', renewal });
    }
    expect(house.log.count('delegation.refused', { 'nolapse.gateway': 'gw-1', 'nolapse.principal': 'dev-1' })).toBe(4);
    const shown = await house.gateway.operations.showRenewal({ id: renewal });
    expect(shown.renewal).toMatchObject({ state: 'offered', requests: 0, via: null, newFingerprint: null });

    // The device's own parts meet none of anybody else's.
    const { keyPem, csr } = await newRequest('dev-1');
    for (const [from, to] of [
      [0, 90],
      [90, csr.length],
    ] as const)
      await device.say({ word: 'csr', renewal, offset: from, total: csr.length, bytes: csr.subarray(from, to) });
    const { certificates } = await device.next('cert');
    const enrolled = await connect(house, { certificatePem: pemOf(certificates), keyPem }, 'dev-1:new');
    await house.log.until('renewal.activated');

    // From then on it is a device like any other.
    const next = await house.gateway.operations.runRenewal({ device: 'dev-1' });
    await through.say({ word: 'csr', renewal: next.id, csr: (await newRequest('dev-1')).csr });
    await house.log.until('renewal.requested', { 'nolapse.renewal': next.id, 'nolapse.gateway': 'gw-1' });
    await Promise.all([enrolled, device.client, gateway.client].map((client) => client.endAsync(true)));
  });
});
