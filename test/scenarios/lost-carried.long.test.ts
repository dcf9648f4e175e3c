// Whatever one message is lost, comes twice or costs the site gateway its connection: the renewal of the device that it speaks for ends in
// `done`. With a device that does what docs/protocol.md says, on the real broker.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Encoding, KeyMode } from '../../src/domain/principal.ts';
import { CarriedDevice, carryOrders } from './carried-device.ts';
import { type House, openHouse } from './harness.ts';
import { inTurns } from './in-turns.ts';
import type { Fault, Mishap } from './page-device.ts';
import { delegate } from './site.ts';

let house: House;
beforeAll(async () => {
  house = await openHouse({
    yaml: `
limits: { offersPerSecond: 10000, issuancesPerSecond: 10000, connectionsPerAddress: 1000 }
classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h, retryFirst: 10m, retryMax: 10m, keyModes: [recertify, csr] } }
`,
  });
});
afterAll(() => house.close());

interface Way {
  readonly encoding: Encoding;
  readonly mode: KeyMode;
  readonly maxPacket: number;
  readonly order: (typeof carryOrders)[number];
}
const ways: readonly Way[] = carryOrders.flatMap((order) => [
  { encoding: 'json', mode: 'csr', maxPacket: 4_096, order } as const,
  { encoding: 'cbor', mode: 'recertify', maxPacket: 256, order } as const,
]);

/** Conversations side by side. */
const togetherMax = 12;
let devices = 0;

async function converse({ encoding, mode, maxPacket, order }: Way, mishap: Mishap | null) {
  devices += 1;
  const id = `dev-${devices}`;
  const gateway = { id: `gw-${devices}`, credentials: await house.device(`gw-${devices}`, { kind: 'gateway' }) };
  const { operations } = house.gateway;
  await operations.addDevice({ id, owner: 'tests', modes: [mode], encoding, maxPacket });
  const first = await operations.issueDevice({ id });
  await delegate(house, gateway.id, { devices: [id], modes: [mode] });
  const device = new CarriedDevice({ house, id, encoding, maxPacket, gateway, order, mishap }, first);
  // Its first hello activates what it has; then its renewal is due.
  const renewed = device.renew(25);
  await house.log.until('certificate.activated', { 'nolapse.principal': id });
  await operations.runRenewal({ device: id });
  const renewal = await renewed;
  await device.close();
  return { device, told: { mishap, surprises: device.surprises, isDone: renewal !== null } };
}

const cases = ways.map((way) => [way.encoding, way.mode, way.order, way] as const);

it.each(cases)('in %s, mode %s, %s: at every message', async (_, __, order, way) => {
  const whole = await converse(way, null);
  expect(whole.told).toEqual({ mishap: null, surprises: [], isDone: true });
  const count = whole.device.messages;
  expect(count).toBeGreaterThanOrEqual(8);
  const faults: readonly Fault[] = order === 'subscribe first' ? ['lose', 'cut', 'repeat'] : ['lose', 'cut'];
  const mishaps = faults.flatMap((fault) => Array.from({ length: count }, (_each, at) => ({ at, fault })));
  await inTurns(mishaps, togetherMax, async (mishap) => {
    expect((await converse(way, mishap)).told).toEqual({ mishap, surprises: [], isDone: true });
  });
});
