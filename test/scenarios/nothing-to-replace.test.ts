// A renewal that an operator asks for and that cannot begin: the answer says what is missing, and what gets it.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type House, openHouse, quickClasses } from './harness.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse({ yaml: quickClasses });
});
afterEach(() => house.close());

const refused = async (device: string): Promise<string> => {
  const error: { faults: string[] } = await house.gateway.operations.runRenewal({ device }).then(
    () => ({ faults: [] }),
    (reason) => reason,
  );
  return error.faults.join();
};

it('names the certificate that was issued and not seen', async () => {
  await house.device('pump');
  expect(await refused('pump')).toMatch(
    /^pump has no certificate in use .*: the one that was issued to it has not been seen yet; /,
  );
});

it('names the command that issues one, where there is none', async () => {
  await house.gateway.operations.addDevice({ id: 'bare', owner: 'you' });
  expect(await refused('bare')).toMatch(/: nolapse device issue bare gives it one$/);
});

it('sends nobody to issue one to a device that is decommissioned', async () => {
  await house.device('gone');
  await house.gateway.operations.decommissionDevice({ id: 'gone', reason: 'sold' });
  expect(await refused('gone')).toMatch(/: it is decommissioned$/);
});
