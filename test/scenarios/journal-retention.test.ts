// The journal keeps what was done for as long as the configuration says, and no longer.
import { afterEach, expect, it } from 'vitest';
import { connackOf, type House, openHouse } from './harness.ts';

let house: House;
afterEach(() => house.close());

it('forgets a step once it is older than the retention, and keeps the renewal and what is newer', async () => {
  const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
  house = await openHouse({ clock, yaml: 'journal: { retention: 10d }\nclasses: { default: { lifetime: 10y } }' });
  // Seen in use, a certificate can be replaced.
  await connackOf(house, await house.device('dev-1'), 'dev-1');
  await house.gateway.operations.runRenewal({ device: 'dev-1' });
  const [renewal] = await house.gateway.operations.listRenewals({ device: 'dev-1' });
  const id = renewal?.id ?? '';
  const steps = async () => (await house.gateway.operations.showRenewal({ id })).journal.map(({ action }) => action);
  expect(await steps()).toEqual(['renewal.due']);

  const set = async (days: number): Promise<void> => {
    const since = house.log.lines.length;
    clock.aheadMs = days * 86_400_000;
    // The beat that finds the clock set looks after the journal too; stopping waits for the end of it.
    await house.log.until('clock.moved', {}, since);
    await house.restart();
  };
  await set(9);
  expect(await steps()).toEqual(['renewal.due']);
  await house.gateway.operations.decommissionDevice({ id: 'dev-1' });
  await set(11);
  expect(await steps()).toEqual(['renewal.cancelled']);
  expect((await house.gateway.operations.showRenewal({ id })).renewal.id).toBe(id);
});
