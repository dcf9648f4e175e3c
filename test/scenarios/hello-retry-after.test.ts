// How long a device is told to wait whose renewal is open and cannot be offered now: as long as that lasts, and no longer.
import { afterEach, describe, expect, it } from 'vitest';
import { connect, type House, openHouse, Speaker } from './harness.ts';

const minute = 60_000;
const yaml = `
limits: { offersPerSecond: 1 }
classes: { default: { lifetime: 1h, renewAt: 50%, spread: 0%, backdate: 0s, overlap: 10m, grace: 1h, retryFirst: 5m, retryMax: 10m } }
`;

let house: House;
let passedMs = 0;
let steady = 0;
const open: Speaker[] = [];
afterEach(async () => {
  for (const { client } of open.splice(0)) await client.endAsync(true);
  await house.close();
});

/** Offers are counted by a clock that stands still: there is one, until the test turns it. */
async function begin(): Promise<void> {
  passedMs = 0;
  steady = 0;
  house = await openHouse({ yaml, clock: { now: () => Date.now() + passedMs, steady: () => steady } });
}

/** A device that listens, and has been seen. */
async function speaker(id: string): Promise<Speaker> {
  const device = await new Speaker(await connect(house, await house.device(id), id), id).listen();
  open.push(device);
  await device.say({ word: 'hello', maxPacket: 4_096 });
  await device.nothingDue();
  return device;
}

/** Uses up the one offer there is; who got it is gone, and is offered no more. */
async function takeTurn(): Promise<void> {
  const other = await speaker('dev-0');
  await house.gateway.operations.runRenewal({ device: 'dev-0' });
  await other.next('offer');
  await other.client.endAsync();
}

const stateOf = async (id: string): Promise<string> => {
  const { renewals } = await house.gateway.operations.showDevice({ id });
  return renewals[0]?.state ?? 'none';
};

describe('a device is told to wait', () => {
  it('for half a minute where its offer waits for others, and is offered then, before or after', async () => {
    await begin();
    const device = await speaker('dev-1');
    await takeTurn();
    await house.gateway.operations.runRenewal({ device: 'dev-1' });
    await device.say({ word: 'hello' });
    const { retryAfter = 0, renewal } = await device.nothingDue();
    expect([retryAfter >= 30, retryAfter <= 33, renewal]).toEqual([true, true, undefined]);
    expect(device.heard).toEqual([]);
    steady += 1_000;
    await device.next('offer');
  });

  it('until its own due date where a campaign that is paused holds its renewal back', async () => {
    await begin();
    const device = await speaker('dev-1');
    await takeTurn();
    const { id } = await house.gateway.operations.startCampaign({ reason: 'a new profile', all: true });
    await house.log.until('renewal.due', { 'nolapse.principal': 'dev-1' });
    await house.gateway.operations.pauseCampaign({ id });
    passedMs = 10 * minute;
    // Said twice: the first brings the wait about, the second finds it.
    for (let i = 0; i < 2; i += 1) {
      await device.say({ word: 'hello' });
      const { retryAfter = 0 } = await device.nothingDue();
      expect([retryAfter > 19.5 * 60, retryAfter <= 22 * 60]).toEqual([true, true]);
    }
    expect([await stateOf('dev-1'), device.heard]).toEqual(['due', []]);
    steady += 1_000;
    passedMs = 30 * minute + 1_000;
    await device.next('offer');
  });
});
