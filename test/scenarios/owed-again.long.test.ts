// What was owed in a state and is not known to have arrived is said again in that state, on a new connection, whichever of hello and SUBSCRIBE
// comes last: to the device itself and to a site gateway that speaks for it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DownMessage } from '../../src/domain/message.ts';
import type { Encoding, KeyMode } from '../../src/domain/principal.ts';
import { encodeUp } from '../../src/wire/index.ts';
import { type Credentials, connect, type House, newRequest, openHouse, pemOf } from './harness.ts';
import { fetchStretch, nextIssued, replacementOf, totalOf } from './piecemeal.ts';
import { delegate, SiteDevice } from './site.ts';

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
  readonly carried: boolean;
}
const ways: readonly Way[] = [false, true].flatMap((carried) => [
  { encoding: 'json', mode: 'csr', maxPacket: 4_096, carried } as const,
  { encoding: 'cbor', mode: 'recertify', maxPacket: 256, carried } as const,
]);

const orders = ['SUBSCRIBE alone', 'hello, then SUBSCRIBE', 'SUBSCRIBE, then hello', 'both at QoS 0'] as const;
type Order = (typeof orders)[number];
const states = ['due', 'offered', 'delivered', 'installed', 'confirmed'] as const;
type State = (typeof states)[number];

/** A device that comes with a connection of its own, or of its site gateway, as often as it likes. */
class Visitor {
  readonly #way: Way;
  readonly id: string;
  readonly #gateway: Credentials | null;
  credentials: Credentials;

  private constructor(way: Way, id: string, credentials: Credentials, gateway: Credentials | null) {
    this.#way = way;
    this.id = id;
    this.credentials = credentials;
    this.#gateway = gateway;
  }

  static async make(way: Way, number: number): Promise<Visitor> {
    const id = `dev-${number}`;
    await house.gateway.operations.addDevice({ id, owner: 'tests', modes: [way.mode], encoding: way.encoding });
    const credentials = await house.gateway.operations.issueDevice({ id });
    if (!way.carried) return new Visitor(way, id, credentials, null);
    const gateway = await house.device(`gw-${number}`, { kind: 'gateway' });
    await delegate(house, `gw-${number}`, { devices: [id], modes: ['csr', 'recertify'] });
    return new Visitor(way, id, credentials, gateway);
  }

  async come(): Promise<SiteDevice> {
    const speaker = this.#gateway ? this.id.replace('dev', 'gw') : this.id;
    const client = await connect(house, this.#gateway ?? this.credentials, speaker);
    return new SiteDevice(client, this.id, this.credentials, this.#way.encoding);
  }

  /** Comes, listens, and says which certificate it uses: by its connection, or by a proof. */
  async report(): Promise<SiteDevice> {
    const device = await this.come();
    await device.listen();
    if (this.#gateway) await device.report();
    await device.say({ word: 'hello', maxPacket: this.#way.maxPacket });
    return device;
  }

  /** Takes what is offered. */
  async take(device: SiteDevice, renewal: string): Promise<Credentials> {
    const { keyPem } = this.credentials;
    if (this.#way.mode === 'recertify') {
      const offer = await nextIssued(device);
      const bytes = replacementOf(offer, await fetchStretch(device, offer, 0, totalOf(offer)));
      return { certificatePem: pemOf([bytes]), keyPem };
    }
    const request = await newRequest(this.id);
    await device.say({ word: 'csr', renewal, csr: request.csr });
    return { certificatePem: pemOf((await device.next('cert')).certificates), keyPem: request.keyPem };
  }
}

const stateOf = async (renewal: string) => (await house.gateway.operations.showRenewal({ id: renewal })).renewal;

/** Brings a renewal into this state, and leaves nobody connected. */
async function bring(visitor: Visitor, state: State): Promise<string> {
  const device = await visitor.report();
  await device.nothingDue();
  if (state === 'due') await device.client.endAsync();
  const { id: renewal } = await house.gateway.operations.runRenewal({ device: visitor.id });
  if (state === 'due') return renewal;
  if (state === 'offered') {
    await device.next('offer');
    await device.client.endAsync();
    return renewal;
  }
  const replacement = await visitor.take(device, renewal);
  if (state !== 'delivered') await device.say({ word: 'ack', renewal, status: 'installed' });
  await device.client.endAsync();
  if (state !== 'confirmed') return renewal;
  visitor.credentials = replacement;
  const renewed = await visitor.report();
  await renewed.next('done');
  await house.log.until('renewal.confirmed', { 'nolapse.renewal': renewal });
  await renewed.client.endAsync();
  return renewal;
}

/** Comes again in this order. A hello says nothing new: what there is to say of the device was said. */
async function comeAgain(visitor: Visitor, order: Order): Promise<SiteDevice> {
  const device = await visitor.come();
  const topic = `$enroll/1/${visitor.id}/`;
  if (order === 'both at QoS 0') {
    await device.client.publishAsync(`${topic}hello`, Buffer.from(encodeUp(device.encoding, { word: 'hello' })));
    await device.client.subscribeAsync(`${topic}+`, { qos: 0 });
    return device;
  }
  if (order === 'hello, then SUBSCRIBE') await device.say({ word: 'hello' });
  await device.listen();
  if (order === 'SUBSCRIBE, then hello') await device.say({ word: 'hello' });
  return device;
}

/** What is owed in this state: in key mode `csr` the replacement comes whole, in the other it is offered. */
function owedIn(state: State, { mode }: Way): DownMessage['word'] {
  if (state === 'confirmed') return 'done';
  return mode === 'csr' && (state === 'delivered' || state === 'installed') ? 'cert' : 'offer';
}

// A round through a whole site says nothing of what is done: its device has to ask.
const isOwed = (state: State, order: Order, { carried }: Way): boolean =>
  !(carried && state === 'confirmed' && order === 'SUBSCRIBE alone');

const cases = orders.flatMap((order) => states.map((state) => [order, state] as const));
let number = 0;

describe('what is owed is said again', () => {
  it.each(cases)('on %s, in state %s', async (order, state) => {
    const told = ways
      .filter((way) => isOwed(state, order, way))
      .map(async (way) => {
        number += 1;
        const visitor = await Visitor.make(way, number);
        const renewal = await bring(visitor, state);
        const before = await stateOf(renewal);
        const device = await comeAgain(visitor, order);
        const message = await device.next(owedIn(state, way));
        expect(message).toMatchObject({ renewal });
        if (state === 'installed' && message.word === 'offer') expect(message.size).toBeGreaterThan(0);
        // Said again it moves nothing that has moved on.
        if (state === 'installed' || state === 'confirmed') expect(await stateOf(renewal)).toEqual(before);
        await device.client.endAsync();
      });
    await Promise.all(told);
  });
});
