// A site gateway carries the telemetry of the devices that were delegated to it with that, both ways and of no others: live, retained,
// from a queue, and not one message longer than its delegation stands. On the real broker, over real TLS.
import { connect as connectTls } from 'node:tls';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Credentials, connect, type House, openHouse } from './harness.ts';
import { until } from './recorder.ts';
import { delegate } from './site.ts';

const yaml = `
classes:
  default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h }
limits: { queuedMessages: 5 }
access:
  principals:
    backend: { publish: ['devices/#', 'gateways/#'], subscribe: ['devices/#', 'gateways/#'] }
    gw-odd: { publish: ['site/{id}/{delegated}/up'], subscribe: ['site/+/{delegated}/#'] }
`;

/** Milliseconds that the broker's clock is ahead. */
let ahead = 0;
let house: House;
const clients: MqttClient[] = [];
const credentials = new Map<string, Credentials>();

beforeEach(async () => {
  ahead = 0;
  house = await openHouse({ yaml, clock: { now: () => Date.now() + ahead } });
  for (const id of ['gw-1', 'gw-2']) credentials.set(id, await house.device(id, { kind: 'gateway' }));
  for (const id of ['dev-1', 'dev-2']) credentials.set(id, await house.device(id, { site: 'north' }));
  credentials.set('backend', await house.device('backend', { kind: 'service' }));
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

/** A connection, with all that it hears as `topic payload` in the order it came. */
class Line {
  readonly heard: string[] = [];
  readonly client: MqttClient;
  readonly #waiting = new Set<() => void>();

  constructor(client: MqttClient) {
    this.client = client;
    clients.push(client);
    client.on('message', (topic, payload, { retain }) => {
      this.heard.push(`${topic} ${payload}${retain ? ' retained' : ''}`);
      for (const look of [...this.#waiting]) look();
    });
  }

  static async open(id: string, options: IClientOptions = {}): Promise<Line> {
    const [principal = id] = id.split(':');
    const held = credentials.get(principal);
    if (!held) throw new Error(`no credentials of ${principal}`);
    return new Line(await connect(house, held, id, options));
  }

  /** @returns the granted QoS, or 128. */
  async ask(filter: string): Promise<number | undefined> {
    const [grant] = await this.client.subscribeAsync(filter, { qos: 1 }).catch(() => [{ qos: 128 }]);
    return grant?.qos;
  }

  say(topic: string, payload = 'x', options: { retain?: boolean; qos?: 0 | 1 | 2 } = {}): Promise<unknown> {
    return this.client.publishAsync(topic, payload, { qos: 1, ...options });
  }

  /** Resolves once this was heard, with all that was before it. */
  until(line: string): Promise<string[]> {
    return until(
      (wake) => {
        this.#waiting.add(wake);
        return () => this.#waiting.delete(wake);
      },
      () => (this.heard.includes(line) ? [...this.heard] : undefined),
      () => `no "${line}" among ${JSON.stringify(this.heard)}`,
    );
  }
}

/** What the listener has heard of what the speaker said until now: one client's messages arrive in their order. */
async function heardOf(listener: Line, speaker: Line): Promise<string[]> {
  const fence = `fence ${listener.heard.length}`;
  await speaker.say('gateways/gw-1/fence', fence);
  return (await listener.until(`gateways/gw-1/fence ${fence}`)).filter((each) => !each.startsWith('gateways/'));
}

const grant = (more: Parameters<typeof delegate>[2] = {}) => delegate(house, 'gw-1', { telemetry: true, ...more });

/** The bridge's line, which listens to all that it may have. */
async function bridge(options: IClientOptions = {}): Promise<Line> {
  const line = await Line.open('gw-1', options);
  for (const filter of ['devices/+/#', 'gateways/gw-1/#']) expect(await line.ask(filter)).toBe(1);
  return line;
}

/** A service that hears everything. */
async function backend(): Promise<Line> {
  const line = await Line.open('backend');
  for (const filter of ['devices/#', 'gateways/#']) await line.ask(filter);
  return line;
}

describe('telemetry through a site gateway', () => {
  it('goes both ways for the devices that were delegated with it, at each QoS, and for no others', async () => {
    await grant();
    await delegate(house, 'gw-1', { devices: ['dev-2'] });
    const [site, service] = [await bridge(), await backend()];
    for (const qos of [0, 1, 2] as const) {
      await site.say('devices/dev-2/up', 'no', { qos });
      await site.say('devices/nobody/up', 'no', { qos });
      await site.say('devices/dev-1/up', `up ${qos}`, { qos });
      await service.until(`devices/dev-1/up up ${qos}`);
    }
    expect(await heardOf(service, site)).toEqual([0, 1, 2].map((qos) => `devices/dev-1/up up ${qos}`));
    expect(house.log.count('access.denied', { 'nolapse.principal': 'gw-1', 'event.reason': 'publish' })).toBe(6);
    site.heard.length = 0;
    for (const id of ['dev-2', 'dev-1', 'nobody', 'gw-2']) await service.say(`devices/${id}/down`, 'down');
    expect(await heardOf(site, service)).toEqual(['devices/dev-1/down down']);
    expect(site.client.connected).toBe(true);
  });

  it('is carried by no gateway whose delegation does not say so, and by no other gateway', async () => {
    await delegate(house, 'gw-1', { devices: ['dev-1', 'dev-2'] });
    await delegate(house, 'gw-2', { site: 'north', telemetry: true });
    const [site, service] = [await bridge(), await backend()];
    await site.say('devices/dev-1/up');
    await service.say('devices/dev-1/down');
    expect(await heardOf(site, service)).toEqual([]);
    expect(await heardOf(service, site)).toEqual(['devices/dev-1/down x']);
  });

  it('is granted as a subscription by what the list has, wider ones are not', async () => {
    await grant();
    const site = await Line.open('gw-1');
    const asked = ['devices/+/#', 'devices/+/x', 'devices/dev-2/#', '#', '+/#', 'devices/#', '+/dev-1/#'];
    const answers = [];
    for (const filter of asked) answers.push(await site.ask(filter));
    expect(answers).toEqual([1, 1, 1, 128, 128, 128, 128]);
    const device = await Line.open('dev-1');
    expect(await device.ask('devices/+/#')).toBe(128);
  });

  it('follows the level that the list names', async () => {
    credentials.set('gw-odd', await house.device('gw-odd', { kind: 'gateway' }));
    await delegate(house, 'gw-odd', { telemetry: true });
    const site = await Line.open('gw-odd');
    const topics = ['site/gw-odd/dev-1/up', 'site/gw-odd/dev-2/up', 'site/dev-1/dev-2/up', 'devices/dev-1/up'];
    expect(await site.ask('site/+/+/#')).toBe(1);
    for (const topic of topics.toReversed()) await site.say(topic);
    await site.until('site/gw-odd/dev-1/up x');
    expect(site.heard).toEqual(['site/gw-odd/dev-1/up x']);
  });
});

/** Says something each way, and which of the two arrived. */
async function tried(site: Line, service: Line): Promise<{ up: boolean; down: boolean }> {
  for (const line of [site, service]) line.heard.length = 0;
  await service.say('devices/dev-1/down');
  await site.say('devices/dev-1/up');
  const down = (await heardOf(site, service)).includes('devices/dev-1/down x');
  return { down, up: (await heardOf(service, site)).includes('devices/dev-1/up x') };
}

describe('the next message is not carried', () => {
  const cases: [string, (id: string) => Promise<unknown>][] = [
    ['its delegation was revoked', (id) => house.gateway.operations.revokeDelegation({ id })],
    [
      'its delegation has ended',
      async () => {
        ahead = 11 * 60_000;
      },
    ],
    ['the device was decommissioned', () => house.gateway.operations.decommissionDevice({ id: 'dev-1' })],
    ['the device is in quarantine', () => house.gateway.operations.quarantineDevice({ id: 'dev-1' })],
    [
      'the device has another site',
      () => house.gateway.operations.importDevices({ format: 'csv', text: 'id,owner,site\ndev-1,tests,south\n' }),
    ],
  ];

  it.each(cases)('once %s', async (_name, end) => {
    const { id } = await grant({ site: 'north', until: '10m' });
    const [site, service] = [await bridge(), await backend()];
    expect(await tried(site, service)).toEqual({ up: true, down: true });
    await end(id);
    expect(await tried(site, service)).toEqual({ up: false, down: false });
    expect(site.client.connected && service.client.connected).toBe(true);
  });

  it('until it is delegated again, or the clock is set back to a time when it was', async () => {
    const { id } = await grant({ until: '10m' });
    const [site, service] = [await bridge(), await backend()];
    ahead = 11 * 60_000;
    expect(await tried(site, service)).toEqual({ up: false, down: false });
    ahead = 0;
    expect(await tried(site, service)).toEqual({ up: true, down: true });
    await house.gateway.operations.revokeDelegation({ id });
    expect(await tried(site, service)).toEqual({ up: false, down: false });
    await grant();
    expect(await tried(site, service)).toEqual({ up: true, down: true });
  });
});

describe('a retained message', () => {
  it('is replayed to the gateway for its devices alone, and no longer than it is delegated', async () => {
    const { id } = await grant();
    const service = await backend();
    for (const device of ['dev-1', 'dev-2', 'gw-2'])
      await service.say(`devices/${device}/state`, 'on', { retain: true });
    await heardOf(service, service);
    const site = await Line.open('gw-1');
    await site.ask('gateways/gw-1/#');
    await site.ask('devices/+/#');
    expect(await site.until('devices/dev-1/state on retained')).toEqual(['devices/dev-1/state on retained']);
    await house.gateway.operations.revokeDelegation({ id });
    const late = await Line.open('gw-1:late');
    await late.ask('devices/+/#');
    await late.ask('devices/dev-1/state');
    await late.ask('gateways/gw-1/#');
    expect(await heardOf(late, service)).toEqual([]);
  });

  it('of the gateway is retained, and removed, for its devices alone', async () => {
    const { id } = await grant();
    const [site, service] = [await bridge(), await backend()];
    for (const device of ['dev-1', 'dev-2']) await site.say(`devices/${device}/state`, 'on', { retain: true });
    await house.gateway.operations.revokeDelegation({ id });
    await site.say('devices/dev-1/state', '', { retain: true });
    await heardOf(service, site);
    const late = await Line.open('backend:late');
    await late.ask('devices/#');
    await late.until('devices/dev-1/state on retained');
    await late.ask('gateways/#');
    expect(await heardOf(late, service)).toEqual(['devices/dev-1/state on retained']);
  });
});

describe('a kept session', () => {
  const kept: IClientOptions = { clean: false };

  it("of a gateway that is away has its devices' messages kept, and of no others", async () => {
    await grant();
    const [site, service] = [await bridge(kept), await backend()];
    await site.client.endAsync();
    // Room for five: had these been queued, nothing of its own device would be.
    for (let i = 0; i < 10; i += 1) await service.say('devices/dev-2/down', `no ${i}`);
    for (let i = 0; i < 3; i += 1) await service.say('devices/dev-1/down', `${i}`);
    await heardOf(service, service);
    expect(house.log.count('message.dropped')).toBe(0);
    const back = await Line.open('gw-1', kept);
    const own = ['devices/dev-1/down 0', 'devices/dev-1/down 1', 'devices/dev-1/down 2'];
    expect(await heardOf(back, service)).toEqual(own);
  });

  it('of a gateway that is here is not filled with what it may not have', async () => {
    await grant();
    const [site, service] = [await bridge(kept), await backend()];
    for (let i = 0; i < 10; i += 1) await service.say('devices/dev-2/down', `no ${i}`);
    expect(await heardOf(site, service)).toEqual([]);
    expect(house.log.count('message.dropped')).toBe(0);
  });

  it('is not handed what was queued, once it may not have it any more', async () => {
    const { id } = await grant();
    await grant({ devices: ['dev-2'] });
    const [site, service] = [await bridge(kept), await backend()];
    await site.client.endAsync();
    for (const device of ['dev-1', 'dev-2']) await service.say(`devices/${device}/down`);
    await heardOf(service, service);
    await house.gateway.operations.revokeDelegation({ id });
    const back = await Line.open('gw-1', kept);
    expect(await heardOf(back, service)).toEqual(['devices/dev-2/down x']);
    // What it was not handed is no longer kept for it either.
    await grant();
    await back.client.endAsync();
    const again = await Line.open('gw-1', kept);
    expect(await heardOf(again, service)).toEqual([]);
  });
});

/** A connection of gw-1 with the bit beside the level by which mosquitto says that it is a bridge, for which mqtt.js has no option. */
async function openAsBridge(options: IClientOptions): Promise<Line> {
  const { certificatePem: cert, keyPem: key } = credentials.get('gw-1') ?? { certificatePem: '', keyPem: '' };
  const client = new mqtt.MqttClient(
    () => {
      const socket = connectTls({
        host: 'localhost',
        port: house.gateway.ports.mqtt,
        cert,
        key,
        rejectUnauthorized: false,
      });
      const write = socket.write.bind(socket);
      let isSaid = false;
      socket.write = (chunk: Uint8Array | string, ...more: never[]) => {
        // Of CONNECT, the level is the first that is written as one byte of this value.
        if (isSaid || chunk.length !== 1 || chunk[0] !== 4) return write(chunk, ...more);
        isSaid = true;
        return write(Uint8Array.of(0x80 | 4), ...more);
      };
      return socket;
    },
    { clientId: 'gw-1', protocolVersion: 4, reconnectPeriod: 0, ...options },
  );
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
  });
  return new Line(client);
}

describe('a bridge', () => {
  it.each([true, false])('is not sent what it said itself, kept: %s, and has the rest once', async (isKept) => {
    await grant();
    const open = () => openAsBridge({ clean: !isKept });
    const [site, service] = [await open(), await backend()];
    for (const filter of ['devices/+/#', 'gateways/gw-1/#']) await site.ask(filter);
    for (const qos of [0, 1, 2] as const) await site.say('devices/dev-1/up', `${qos}`, { qos });
    await site.say('devices/dev-1/state', 'on', { retain: true });
    // More of these than there is room in its queue for: none must be left there.
    for (let i = 0; i < 7; i += 1) await service.say('devices/dev-1/down', `${i}`, { retain: true });
    const down = Array.from({ length: 7 }, (_, i) => `devices/dev-1/down ${i}`);
    expect(await heardOf(site, service)).toEqual(down);
    const up = ['up 0', 'up 1', 'up 2', 'state on'].map((each) => `devices/dev-1/${each}`);
    expect((await heardOf(service, site)).filter((each) => !each.includes('down'))).toEqual(up);
    await site.client.endAsync();
    const back = await open();
    if (!isKept) await back.ask('gateways/gw-1/#');
    expect(await heardOf(back, service)).toEqual([]);
    expect(house.log.count('message.dropped')).toBe(0);
  });
});

describe('a will', () => {
  it("of a gateway is left on none of its devices' topics, and on its own", async () => {
    await grant();
    const service = await backend();
    for (const topic of ['devices/dev-1/gone', 'gateways/gw-1/gone']) {
      const will = { topic, payload: Buffer.from('gone'), qos: 1 as const, retain: false };
      const { client } = await Line.open('gw-1:will', { will });
      client.stream.destroy();
    }
    expect(await service.until('gateways/gw-1/gone gone')).toEqual(['gateways/gw-1/gone gone']);
    expect(house.log.count('access.denied', { 'nolapse.topic': 'devices/dev-1/gone' })).toBe(1);
  });
});
