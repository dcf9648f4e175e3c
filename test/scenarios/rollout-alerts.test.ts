// What an operator is told of renewals that a campaign has begun: of devices that are waited for, and not of what is held back.
import { afterEach, expect, it } from 'vitest';
import { connect, type House, openHouse } from './harness.ts';

const day = 86_400_000;
let passedMs = 0;
const clock = { now: () => Date.now() + passedMs, steady: () => performance.now() + passedMs };

let house: House;
afterEach(() => house.close());

/** A device with its certificate in use, asleep. */
async function sleeper(id: string): Promise<void> {
  const issued = await house.device(id);
  await (await connect(house, issued, id)).endAsync();
  await expect.poll(async () => (await house.gateway.operations.showDevice({ id })).presence?.here).toBe(false);
}

async function open(): Promise<void> {
  passedMs = 0;
  house = await openHouse({
    clock,
    yaml: 'classes: { default: { lifetime: 400d, renewAt: 66%, spread: 0%, backdate: 0s } }\nrollout: { canaryShare: 100%, earlyShare: 0% }',
  });
}

const overdue = async (id: string): Promise<boolean> =>
  (await house.gateway.operations.listAlerts({ open: true })).some(
    (alert) => alert.kind === 'renewal_overdue' && alert.subject === id,
  );
const raised = (id: string) =>
  house.log.until('alert.raised', { 'event.reason': 'renewal_overdue', 'nolapse.alert.subject': id });
const renewalOf = (device: string) =>
  expect.poll(async () => (await house.gateway.operations.listRenewals({ device })).length).toBe(1);
/** In days from now, as `policy explain` tells it. */
async function overdueIn(id: string): Promise<number> {
  const { certificates } = await house.gateway.operations.explainPolicy({ id });
  return ((certificates[0]?.overdueAt ?? Number.NaN) - clock.now()) / day;
}

it('a renewal that a pause holds back is overdue for nobody; once it goes on, patience begins anew', async () => {
  await open();
  await sleeper('a-1');
  const { id } = await house.gateway.operations.startCampaign({ reason: 'a new profile', all: true });
  await renewalOf('a-1');
  expect(await overdueIn('a-1')).toBeCloseTo(40, 1);
  await house.gateway.operations.pauseCampaign({ id });
  // Held back until its own due date at most, and waited for from then on.
  expect(await overdueIn('a-1')).toBeCloseTo(0.66 * 400 + 40, 1);
  // One that nothing holds back, and that is looked at after the other.
  await sleeper('z-1');
  await house.gateway.operations.runRenewal({ device: 'z-1' });
  passedMs = 50 * day;
  await raised('z-1');
  expect(await overdue('a-1')).toBe(false);
  await house.gateway.operations.resumeCampaign({ id });
  expect(await overdueIn('a-1')).toBeCloseTo(40, 1);
  await expect.poll(async () => (await house.gateway.operations.showCampaign({ id })).busy).toBe(false);
  expect(await overdue('a-1')).toBe(false);
  passedMs += 41 * day;
  await raised('a-1');
});

it('a sleeper is not overdue before it has stayed away for as long as it does', async () => {
  await open();
  const { certificatePem, keyPem } = await house.device('a-1');
  await sleeper('z-1');
  const isHere = async () => (await house.gateway.operations.showDevice({ id: 'a-1' })).presence?.here;
  for (const away of [0, 60]) {
    passedMs += away * day;
    await (await connect(house, { certificatePem, keyPem }, 'a-1')).endAsync();
    await expect.poll(isHere).toBe(false);
  }
  await house.gateway.operations.startCampaign({ reason: 'a new profile', all: true });
  await renewalOf('a-1');
  await renewalOf('z-1');
  const patience = await overdueIn('a-1');
  expect(patience).toBeGreaterThan(60);
  passedMs += 45 * day;
  // Nothing is known of the other.
  await raised('z-1');
  expect(await overdue('a-1')).toBe(false);
  passedMs += (patience - 44) * day;
  await raised('a-1');
});

it('what a campaign held back that is aborted is waited for from then on, where it is due by its own policy', async () => {
  await open();
  await sleeper('a-1');
  const { id } = await house.gateway.operations.startCampaign({ reason: 'a new profile', all: true });
  await renewalOf('a-1');
  await house.gateway.operations.pauseCampaign({ id });
  passedMs = 300 * day;
  await house.gateway.operations.abortCampaign({ id });
  await expect.poll(async () => (await house.gateway.operations.showCampaign({ id })).busy).toBe(false);
  expect((await house.gateway.operations.listRenewals({ device: 'a-1' })).map(({ state }) => state)).toEqual(['due']);
  expect(await overdueIn('a-1')).toBeCloseTo(40, 1);
});
