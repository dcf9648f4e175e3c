// Devices that sleep, have no clock or one slot: what is owed to them waits in the ledger, and the old certificate is admitted until
// the new one was seen, however long that takes.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { connackOf, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';

const day = 86_400_000;
const yaml =
  'classes: { default: { lifetime: 90d, renewAt: 66%, overlap: 1d, grace: 30d, activateWithin: 2d, keyModes: [csr, recertify] } }';

let house: House;
let first: IssuedView;
let offset: number;

beforeEach(async () => {
  offset = 0;
  house = await openHouse({
    yaml,
    clock: { now: () => Date.now() + offset, steady: () => performance.now() + offset },
  });
  first = await house.device('pump-1');
  await (await connect(house, first, 'pump-1')).endAsync();
});
afterEach(() => house.close());

async function awake(options: { readonly clean?: boolean } = {}): Promise<Speaker> {
  return new Speaker(await connect(house, first, 'pump-1', options), 'pump-1', 'cbor');
}

const found = async (): Promise<string[]> => {
  await house.gateway.operations.lookOver();
  return (await house.gateway.operations.listFindings({})).map(({ kind, subject }) => `${kind} ${subject}`);
};

describe('an offer', () => {
  it('waits for a device whose session is clean or lasts, on hello and on subscription, with the time', async () => {
    // A session that lasts, with its subscription, is away when the renewal falls due.
    const before = await awake({ clean: false });
    await before.listen();
    await before.client.endAsync();
    const { id: renewal } = await house.gateway.operations.runRenewal({ device: 'pump-1' });
    offset = 3 * day;
    const expected = { renewal, mode: 'csr', now: expect.closeTo((Date.now() + offset) / 1_000, -2) };
    await house.restart();

    const lasting = await awake({ clean: false });
    expect(await lasting.next('offer')).toMatchObject(expected);
    await lasting.say({ word: 'hello' });
    expect(await lasting.next('offer')).toMatchObject(expected);
    await lasting.client.endAsync();

    const clean = await awake();
    await clean.listen();
    expect(await clean.next('offer')).toMatchObject(expected);
    await clean.say({ word: 'hello' });
    expect(await clean.next('offer')).toMatchObject(expected);
    await clean.client.endAsync();
  });
});

describe('a device with one slot', () => {
  /** Fetches a replacement, says that it is about to install it, and leaves. @returns the replacement. */
  async function install(): Promise<{ certificatePem: string; keyPem: string }> {
    const device = await awake();
    await device.say({ word: 'hello', maxPacket: 4_096, slots: 1 });
    await device.listen();
    await house.gateway.operations.runRenewal({ device: 'pump-1' });
    const { renewal } = await device.next('offer');
    const { keyPem, csr } = await newRequest('pump-1');
    await device.say({ word: 'csr', renewal, csr });
    const { certificates } = await device.next('cert');
    await device.say({ word: 'ack', renewal, status: 'installed' });
    await device.client.endAsync();
    return { certificatePem: pemOf(certificates), keyPem };
  }

  it('may come with the old certificate until the new one was seen, and is found where that never is', async () => {
    const second = await install();
    expect(await found()).toEqual([]);
    offset = 3 * day;
    // It never came back: nobody has seen it with the old one either.
    expect(await found()).toEqual(['installed_not_activated pump-1']);
    expect(await connackOf(house, first, 'pump-1')).toBe(0);
    offset = 4 * day;
    expect(await connackOf(house, second, 'pump-1')).toBe(0);
    await house.log.until('renewal.activated');
    expect(await found()).toEqual([]);
    expect(await connackOf(house, first, 'pump-1:old')).toBe(0);
    offset = 6 * day;
    await house.log.until('renewal.retired');
    expect(await connackOf(house, first, 'pump-1:old')).toBe(5);
  });

  const isHere = async () => (await house.gateway.operations.showDevice({ id: 'pump-1' })).presence?.here;
  const told = { 'event.reason': 'installed_not_activated' };

  /** Comes every ten days, at the last of them installs a replacement, and sleeps again. */
  async function sleepOnIt(): Promise<void> {
    await expect.poll(isHere).toBe(false);
    for (let i = 0; i < 2; i += 1) {
      offset += 10 * day;
      expect(await connackOf(house, first, 'pump-1')).toBe(0);
      await expect.poll(isHere).toBe(false);
    }
    await install();
    await expect.poll(isHere).toBe(false);
  }

  it('may sleep on what it installed for as long as it is used to, and is found when it comes with the old one', async () => {
    await sleepOnIt();
    offset += 9 * day;
    await house.restart();
    expect(await found()).toEqual([]);
    expect(house.log.count('alert.raised', told)).toBe(0);
    const back = await awake();
    await house.log.until('alert.raised', told);
    expect(await found()).toEqual(['installed_not_activated pump-1', 'still_on_old pump-1']);
    await back.client.endAsync();
  });

  it('is found when it should have come back, and does not', async () => {
    await sleepOnIt();
    // A gap of ten days is counted in a class that reaches to less than thirteen.
    offset += 13 * day;
    await house.log.until('alert.raised', told);
    expect(await found()).toEqual(['installed_not_activated pump-1']);
  });

  it('is handed its replacement again when it says hello with the old one after all', async () => {
    const { certificatePem } = await install();
    const back = await awake();
    await back.listen();
    await back.say({ word: 'hello' });
    expect(pemOf((await back.next('cert')).certificates)).toBe(certificatePem);
    const { renewals } = await house.gateway.operations.showDevice({ id: 'pump-1' });
    expect(renewals).toMatchObject([{ state: 'installed' }]);
    expect(house.log.count('renewal.delivered')).toBe(1);
    await back.client.endAsync();
  });
});
