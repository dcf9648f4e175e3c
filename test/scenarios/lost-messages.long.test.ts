// Whatever one message of a renewal is lost, comes twice or ends its connection, and in whichever order the device says hello and subscribes:
// the conversation ends in `done`. With a device that does what docs/protocol.md says, on the real broker.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Encoding, KeyMode } from '../../src/domain/principal.ts';
import { connect, type House, openHouse } from './harness.ts';
import { inTurns } from './in-turns.ts';
import { type Fault, type Mishap, type Order, orders, PageDevice } from './page-device.ts';

let house: House;
beforeAll(async () => {
  house = await openHouse({
    yaml: `
limits: { offersPerSecond: 10000, issuancesPerSecond: 10000, connectionsPerAddress: 1000 }
classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h, retryFirst: 1s, retryMax: 1s, keyModes: [recertify, csr] } }
`,
  });
});
afterAll(() => house.close());

interface Way {
  readonly encoding: Encoding;
  readonly mode: KeyMode;
  readonly maxPacket: number;
}
const ways: readonly Way[] = [
  { encoding: 'json', mode: 'csr', maxPacket: 4_096 },
  { encoding: 'cbor', mode: 'recertify', maxPacket: 256 },
];

/** Conversations side by side. */
const togetherMax = 12;
let devices = 0;

async function converse({ encoding, mode, maxPacket }: Way, order: Order, mishap: Mishap | null) {
  devices += 1;
  const id = `dev-${devices}`;
  const { operations, ports } = house.gateway;
  await operations.addDevice({ id, owner: 'tests', modes: [mode], encoding, maxPacket });
  const first = await operations.issueDevice({ id });
  await (await connect(house, first, id)).endAsync();
  await operations.runRenewal({ device: id });
  const device = new PageDevice({ port: ports.mqtt, id, encoding, order, maxPacket, mishap }, first);
  const renewal = await device.renew(50);
  return { device, renewal, told: { mishap, surprises: device.surprises, isDone: renewal !== null } };
}

const cases = ways.flatMap((way) => orders.map((order) => [way.encoding, way.mode, order, way] as const));

it.each(cases)('in %s, mode %s, %s: at every packet', { timeout: 240_000 }, async (_, __, order, way) => {
  const whole = await converse(way, order, null);
  expect(whole.told).toEqual({ mishap: null, surprises: [], isDone: true });
  const count = whole.device.packets;
  const faults: readonly Fault[] =
    order === 'hello first' ? ['lose', 'cut', 'repeat'] : [order === 'both at once' ? 'lose' : 'cut'];
  const mishaps = faults.flatMap((fault) => Array.from({ length: count }, (_each, at) => ({ at, fault })));
  await inTurns(mishaps, togetherMax, async (mishap) => {
    expect((await converse(way, order, mishap)).told).toEqual({ mishap, surprises: [], isDone: true });
  });
});
