// Devices that come rarely are renewed on an early visit, those that are always on no earlier than their policy says; and who will
// be dark is named before it is. On the real broker, with certificates of 90 days and a clock that the test turns: time passes,
// the clock is not set.
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ForecastView } from '../../src/app/views/forecast.ts';
import { type Credentials, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { delegate, SiteDevice } from './site.ts';

const hour = 3_600_000;
const day = 24 * hour;
const yaml = `
classes:
  default: { lifetime: 90d, renewAt: 66%, spread: 0%, overlap: 7d, grace: 30d }
  brief: { lifetime: 30d, renewAt: 66%, spread: 0%, overlap: 1d, grace: 30d }
`;

let passedMs: number;
const clock = { now: () => Date.now() + passedMs, steady: () => performance.now() + passedMs };
const pass = (ms: number): void => {
  passedMs += ms;
};

let house: House;
beforeEach(async () => {
  passedMs = 0;
  house = await openHouse({ yaml, clock });
});
afterEach(() => house.close());

const show = (id: string) => house.gateway.operations.showDevice({ id });
const here = async (id: string): Promise<boolean | undefined> => (await show(id)).presence?.here;
const daysUntil = (instant: number | null | undefined): number => ((instant ?? Number.NaN) - clock.now()) / day;

/** What it presents, without the check of a server's certificate that is as far in the future as the broker's clock. */
const bare = ({ certificatePem, keyPem }: Credentials): Credentials => ({ certificatePem, keyPem });

async function open(id: string, credentials: Credentials): Promise<Speaker> {
  const speaker = await new Speaker(await connect(house, bare(credentials), id), id).listen();
  await speaker.say({ word: 'hello', maxPacket: 4_096 });
  await expect.poll(() => here(id)).toBe(true);
  return speaker;
}

async function leave(id: string, client: MqttClient): Promise<void> {
  await client.endAsync();
  await expect.poll(() => here(id)).toBe(false);
}

/** Comes, stays for a moment and goes. */
async function visit(id: string, credentials: Credentials): Promise<void> {
  await leave(id, (await open(id, credentials)).client);
}

/** Takes the offer that waits or comes, to the certificate. */
async function renew(device: Speaker): Promise<Credentials> {
  const { renewal } = await device.next('offer');
  const { keyPem, csr } = await newRequest(device.id);
  await device.say({ word: 'csr', renewal, csr });
  const { certificates } = await device.next('cert');
  await device.say({ word: 'ack', renewal, status: 'installed' });
  return { certificatePem: pemOf(certificates), keyPem };
}

const active = async (id: string) => (await show(id)).certificates.find(({ state }) => state === 'active');

describe('a device that comes rarely', () => {
  it('is renewed on an early visit, although the time of its policy has not come, and on each that follows', async () => {
    let credentials: Credentials = await house.device('well-1');
    await visit('well-1', credentials);
    expect(daysUntil((await active('well-1'))?.renewAt)).toBeCloseTo(59.4, 0);
    for (let round = 0; round < 3; round += 1) {
      pass(25 * day);
      const device = await open('well-1', credentials);
      credentials = await renew(device);
      await device.client.endAsync();
      const again = await open('well-1', credentials);
      expect((await again.next('done')).renewal).toBeTruthy();
      await leave('well-1', again.client);
    }
    const { presence, renewals, certificates } = await show('well-1');
    // Three whole renewals in 75 days, none of them after the 59th of its certificate.
    expect(renewals).toHaveLength(3);
    expect(renewals.every(({ lapsedAt }) => lapsedAt === null)).toBe(true);
    expect(certificates.filter(({ state }) => state === 'active')).toHaveLength(1);
    expect((presence?.comesEveryMs ?? 0) / day).toBeGreaterThanOrEqual(25);
    expect((presence?.comesEveryMs ?? 0) / day).toBeLessThan(25 * 1.27);
  });

  it('is known by the broker that starts anew, and its absence is not the broker’s', async () => {
    const credentials = await house.device('well-1');
    await visit('well-1', credentials);
    pass(10 * day);
    await house.restart(() => pass(20 * day));
    pass(10 * day);
    const device = await open('well-1', credentials);
    await device.client.endAsync();
    const { presence } = await show('well-1');
    expect((presence?.longestAwayMs ?? 0) / day).toBeGreaterThanOrEqual(20);
    expect((presence?.longestAwayMs ?? 0) / day).toBeLessThan(20 * 1.27);
  });

  it('is offered its replacement through its gateway, the moment it is heard', async () => {
    const gateway = await connect(house, bare(await house.device('gw-1', { kind: 'gateway' })), 'gw-1');
    await gateway.subscribeAsync('$enroll/1/#', { qos: 1 });
    const device = new SiteDevice(gateway, 'dev-1', await house.device('dev-1'));
    await delegate(house, 'gw-1', { until: '365d' });
    await device.report();
    await house.log.until('certificate.activated', { 'nolapse.principal': 'dev-1' });
    await expect.poll(async () => (await show('dev-1')).presence?.here).toBe(false);
    pass(25 * day);
    await device.say({ word: 'hello' });
    const renewal = await device.renew();
    expect(renewal).toBeTruthy();
    expect((await show('dev-1')).renewals).toMatchObject([{ id: renewal, state: 'activated', via: 'gw-1' }]);
    expect((await show('dev-1')).presence?.here).toBe(false);
    await gateway.endAsync(true);
  });
});

describe('a device that is always on', () => {
  it('is renewed no earlier than its policy says, whatever others do and however often it reconnects', async () => {
    const credentials = await house.device('pump-1');
    await visit('pump-1', credentials);
    const planned = (await active('pump-1'))?.renewAt;
    for (let reconnects = 0; reconnects < 5; reconnects += 1) {
      pass(20_000);
      await visit('pump-1', credentials);
    }
    let device = await open('pump-1', credentials);
    pass(40 * day);
    // The site is without a connection for two hours.
    await leave('pump-1', device.client);
    pass(2 * hour);
    device = await open('pump-1', credentials);
    pass(19 * day);
    const since = house.log.lines.length;
    await house.restart(() => pass(hour));
    device = await open('pump-1', credentials);
    expect((await active('pump-1'))?.renewAt).toBe(planned);
    expect(daysUntil(planned)).toBeGreaterThan(0);
    expect(house.log.count('renewal.due')).toBe(0);
    pass((planned ?? 0) - clock.now());
    await house.log.until('renewal.due', { 'nolapse.principal': 'pump-1' }, since);
    await renew(device);
    await device.client.endAsync(true);
  });
});

describe('a device that was in quarantine when its time came', () => {
  it('is renewed once it is released', async () => {
    const credentials = await house.device('pump-1');
    await visit('pump-1', credentials);
    await house.gateway.operations.quarantineDevice({ id: 'pump-1' });
    pass(61 * day);
    await expect.poll(async () => (await active('pump-1'))?.renewAt).toBeNull();
    await house.gateway.operations.quarantineDevice({ id: 'pump-1', release: true });
    await house.log.until('renewal.due', { 'nolapse.principal': 'pump-1' });
  });
});

describe('nolapse forecast', () => {
  const forecast = (query = {}): Promise<ForecastView> => house.gateway.operations.forecast(query);

  it('names who will be dark, and why, before it is; and nobody else', async () => {
    const { operations } = house.gateway;
    const always = await open('pump-1', await house.device('pump-1', { site: 'north' }));
    const rare = await house.device('well-1', { site: 'north', class: 'brief' });
    await visit('well-1', rare);
    const shut = await house.device('pump-2', { site: 'south' });
    await visit('pump-2', shut);
    expect(await forecast()).toMatchObject({ looked: 3, dark: 0, groups: [], devices: [] });

    pass(12 * day);
    await operations.quarantineDevice({ id: 'pump-2' });
    // Away for twelve days: expected on day 24, when its replacement has been due since day 20.
    const early = await forecast({ days: 30 });
    expect(early).toMatchObject({ looked: 1, dark: 0 });
    pass(4 * day);
    const view = await forecast();
    expect(view).toMatchObject({
      looked: 3,
      dark: 2,
      reasons: { away: 1, quarantined: 1 },
      groups: [
        { owner: 'tests', site: 'north', dark: 1 },
        { owner: 'tests', site: 'south', dark: 1 },
      ],
      devices: [
        { id: 'well-1', why: 'away' },
        { id: 'pump-2', why: 'quarantined', slackMs: null },
      ],
    });
    const [well] = view.devices;
    expect((well?.slackMs ?? 0) / day).toBeCloseTo(-2, 1);
    expect(daysUntil(well?.at)).toBeCloseTo(14, 1);
    expect(await forecast({ site: 'south' })).toMatchObject({ looked: 1, dark: 1, devices: [{ id: 'pump-2' }] });
    expect(await forecast({ owner: '' })).toMatchObject({ looked: 0, dark: 0 });
    const before = new Date(clock.now() + 10 * day).toISOString().slice(0, 10);
    expect(await forecast({ asOf: before })).toMatchObject({ looked: 0, dark: 0 });

    pass(15 * day);
    await house.log.until('renewal.due', { 'nolapse.principal': 'well-1' });
    await house.log.until('certificate.expired', { 'nolapse.principal': 'well-1' });
    expect((await show('pump-1')).certificates[0]?.state).toBe('active');
    await always.client.endAsync(true);
  });

  it('knows the same on a home at rest, where nobody is here and nobody is away for it', async () => {
    const device = await open('pump-1', await house.device('pump-1'));
    pass(30 * day);
    await house.restart(() => pass(20 * day));
    await device.client.endAsync(true);
    expect(await forecast()).toMatchObject({ looked: 1, dark: 0 });
    expect((await show('pump-1')).presence).toMatchObject({ here: false, comesEveryMs: null });
  });

  it('refuses what it cannot look at', async () => {
    const yesterday = new Date(clock.now() - day).toISOString().slice(0, 10);
    for (const query of [
      { days: 0 },
      { days: 1.5 },
      { days: 36_501 },
      { asOf: 'soon' },
      { asOf: yesterday },
      { asOf: '9999-12-31' },
      { days: 1, asOf: '2099-12-31' },
      { owner: 'nobody' },
      { site: 'nowhere' },
    ]) {
      await expect(forecast(query), JSON.stringify(query)).rejects.toMatchObject({ code: 'invalid' });
    }
    // By a name that is misspelt nobody would go dark.
    await expect(forecast({ owner: 'nobody', site: 'nowhere' })).rejects.toMatchObject({
      faults: [
        'owner: no device in the inventory has the owner "nobody"',
        'site: no device in the inventory is at the site "nowhere"',
      ],
    });
  });
});
