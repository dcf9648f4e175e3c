// Each kind of alert through its life, on the real broker: what brings it about, that a receiver is told once of each step, and what
// ends it. Certificates live for 90 days, and time passes as the test turns it.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OtherCa } from '../pki/made.ts';
import { type Credentials, connackOf, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { readPlant } from './plant.ts';
import { AlertmanagerLike, CloudEventsReceiver } from './receivers.ts';

const hour = 3_600_000;
const day = 24 * hour;
const secret = 'a secret of many characters'.replaceAll(' ', '-');

let passedMs: number;
/** What the clock was set by, apart from the time that passed. */
let setMs: number;
const clock = { now: () => Date.now() + passedMs + setMs, steady: () => performance.now() + passedMs };
const pass = (ms: number): void => {
  passedMs += ms;
};

let house: House;
let hook: CloudEventsReceiver;
let manager: AlertmanagerLike;

const open = async (more = '', files = {}) => {
  house = await openHouse({
    clock,
    files: { secret: { text: `${secret}\n`, mode: 0o600 }, ...files },
    yaml: `
classes: { default: { lifetime: 90d, renewAt: 66%, spread: 0%, overlap: 7d, grace: 30d } }
alerts:
  webhooks:
    hook: { kind: cloudevents, url: '${hook.url}/', secretFile: secret }
    manager: { kind: alertmanager, url: '${manager.url}' }
${more}`,
  });
};

beforeEach(async () => {
  passedMs = 0;
  setMs = 0;
  // Between signing and receiving the test may turn the clock: how old a signature is, another test looks at.
  hook = await new CloudEventsReceiver(secret, (signedAt) => signedAt).open();
  manager = await new AlertmanagerLike().open();
});
afterEach(async () => {
  await house.close();
  await Promise.all([hook.close(), manager.close()]);
  expect(hook.refused).toEqual([]);
  expect(manager.faults).toEqual([]);
});

const bare = ({ certificatePem, keyPem }: Credentials): Credentials => ({ certificatePem, keyPem });

async function come(id: string, credentials: Credentials): Promise<Speaker> {
  const speaker = await new Speaker(await connect(house, bare(credentials), id), id).listen();
  await speaker.say({ word: 'hello', maxPacket: 4_096 });
  return speaker;
}

/** A device with a certificate in use, that has gone again. */
async function device(id: string): Promise<Credentials> {
  const credentials = await house.device(id);
  await leave((await come(id, credentials)).client);
  return credentials;
}

/** What was told of devices. Of its own certificates the broker may tell when a test turns the clock between two looks at them. */
const ofDevices = () => hook.events.filter(({ data }) => data.kind !== 'own_certificate');

const leave = (client: MqttClient): Promise<void> => client.endAsync();

/** Takes the offer that waits, to the certificate, and says that it is installed. */
async function fetchNext(speaker: Speaker): Promise<{ renewal: string; credentials: Credentials }> {
  const { renewal } = await speaker.next('offer');
  const { keyPem, csr } = await newRequest(speaker.id);
  await speaker.say({ word: 'csr', renewal, csr });
  const { certificates } = await speaker.next('cert');
  return { renewal, credentials: { certificatePem: pemOf(certificates), keyPem } };
}

async function renew(id: string, credentials: Credentials): Promise<Credentials> {
  const speaker = await come(id, credentials);
  const { renewal, credentials: next } = await fetchNext(speaker);
  await speaker.say({ word: 'ack', renewal, status: 'installed' });
  await leave(speaker.client);
  await leave((await come(id, next)).client);
  return next;
}

describe('an alert about a device', () => {
  /** What a device might say to reach whoever reads of it: a terminal, another line, a template. */
  const hostile = `full\u001b[2J\nALERT cleared\u2028{{ .Labels }} ${'x'.repeat(200)}`;

  it('warns of an end that comes near, becomes critical, and is over with the renewal', async () => {
    await open();
    const credentials = await device('pump-1');
    pass(60 * day);
    await house.log.until('renewal.due');
    expect(ofDevices()).toEqual([]);
    pass(14 * day);
    const warned = await hook.untilTold('expiry_approaching/pump-1', 'raised');
    expect(warned.data).toMatchObject({ severity: 'warning', owner: 'tests', clearedAt: null });
    await manager.untilHaving({ alertname: 'expiry_approaching', subject: 'pump-1', severity: 'warning' }, 'firing');
    pass(12 * day);
    expect((await hook.untilTold('expiry_approaching/pump-1', 'updated')).data.severity).toBe('critical');
    await manager.untilHaving({ alertname: 'expiry_approaching', severity: 'critical', owner: 'tests' }, 'firing');
    await manager.untilHaving({ alertname: 'expiry_approaching', severity: 'warning' }, 'resolved');
    await renew('pump-1', credentials);
    await hook.untilTold('expiry_approaching/pump-1', 'cleared');
    await hook.untilTold('renewal_overdue/pump-1', 'cleared');
    await manager.untilHaving({ alertname: 'expiry_approaching', severity: 'critical' }, 'resolved');
    expect(hook.of('expiry_approaching/pump-1')).toEqual(['raised', 'updated', 'cleared']);
    expect(hook.of('renewal_overdue/pump-1')).toEqual(['raised', 'cleared']);
    expect(new Set(hook.events.map(({ id }) => id)).size).toBe(hook.events.length);
    await expect.poll(() => house.gateway.operations.listAlerts({ open: true })).toEqual([]);
  });

  it('tells of a lapse, and that grace has ended, until a certificate made by hand is in use', async () => {
    await open();
    await device('pump-1');
    pass(91 * day);
    expect((await hook.untilTold('lapsed/pump-1', 'raised')).data.detail).toContain('until grace ends');
    pass(30 * day);
    expect((await hook.untilTold('lapsed/pump-1', 'updated')).data.detail).toContain('by hand');
    const byHand = await house.gateway.operations.issueDevice({ id: 'pump-1' });
    expect(await connackOf(house, bare(byHand), 'pump-1')).toBe(0);
    await hook.untilTold('lapsed/pump-1', 'cleared');
    expect(hook.of('lapsed/pump-1')).toEqual(['raised', 'updated', 'cleared']);
    await expect.poll(() => house.gateway.operations.listAlerts({ open: true })).toEqual([]);
  });

  it('tells of a failure, and of what was installed and never seen, until it is seen', async () => {
    await open();
    const credentials = await house.device('pump-1');
    const speaker = await come('pump-1', credentials);
    pass(60 * day);
    const first = await fetchNext(speaker);
    await speaker.say({ word: 'ack', renewal: first.renewal, status: 'failed', code: 'no_space', detail: hostile });
    const said = `no_space: full?[2J?ALERT cleared?{{ .Labels }} ${'x'.repeat(200)}`.slice(0, 200);
    expect((await hook.untilTold('renewal_failed/pump-1', 'raised')).data.detail).toBe(said);
    const { annotations } = await manager.untilHaving({ alertname: 'renewal_failed' }, 'firing');
    expect(annotations?.['summary']).toBe(`pump-1: ${said}`);
    const line = await house.log.until('alert.raised', { 'event.reason': 'renewal_failed' });
    expect(line.message).toBe(`ALERT raised: renewal_failed: pump-1: ${said}`);
    pass(day);
    const { renewal, credentials: next } = await fetchNext(speaker);
    await speaker.say({ word: 'ack', renewal, status: 'installed' });
    await house.log.until('renewal.installed');
    await leave(speaker.client);
    expect(hook.of('installed_not_activated/pump-1')).toEqual([]);
    pass(2 * day);
    await hook.untilTold('installed_not_activated/pump-1', 'raised');
    expect(await connackOf(house, bare(next), 'pump-1')).toBe(0);
    await hook.untilTold('installed_not_activated/pump-1', 'cleared');
    await hook.untilTold('renewal_failed/pump-1', 'cleared');
    expect(ofDevices().map(({ type, data }) => `${type.slice(14)} ${data.kind}`)).toEqual([
      'raised renewal_failed',
      'raised installed_not_activated',
      expect.stringMatching(/^cleared/),
      expect.stringMatching(/^cleared/),
    ]);
  });

  it('tells of a renewal that a sleeper does not take, once it has been away for longer than ever, and holds up nobody', async () => {
    await open('sources: { plant: { kind: file, path: plant.csv, every: 1h } }', {
      'plant.csv': 'id,owner\nother,x\n',
    });
    await house.log.until('source.reconciled');
    const credentials = await device('pump-1');
    const isHere = async () => (await house.gateway.operations.showDevice({ id: 'pump-1' })).presence?.here;
    await expect.poll(isHere).toBe(false);
    pass(25 * day);
    await leave((await come('pump-1', credentials)).client);
    await house.log.until('renewal.due');
    const overdueAt = (await house.gateway.operations.explainPolicy({ id: 'pump-1' })).certificates[0]?.overdueAt ?? 0;
    pass(Math.floor(overdueAt - clock.now() - hour));
    await readPlant(house, ['other,']);
    await hook.untilTold('no_owner/other', 'raised');
    expect(hook.of('renewal_overdue/pump-1')).toEqual([]);
    pass(2 * hour);
    await hook.untilTold('renewal_overdue/pump-1', 'raised');
    expect(house.log.count('sweep.failed')).toBe(0);
  });

  it('tells once of a replaced certificate, however often it is presented, and a day after the last time it is over', async () => {
    await open();
    const old = await device('pump-1');
    pass(60 * day);
    await house.log.until('renewal.due');
    await renew('pump-1', old);
    pass(8 * day);
    await house.log.until('renewal.retired');
    for (let i = 0; i < 5; i += 1) {
      expect(await connackOf(house, bare(old), `pump-1:${i}`)).toBe(5);
      pass(hour);
    }
    const told = await hook.untilTold('retired_credential_in_use/pump-1', 'raised');
    expect(told.data).toMatchObject({
      ...{ severity: 'critical', owner: 'tests' },
      detail: expect.stringMatching(/somebody still presents it, from 127\.0\.0\.1$/),
    });
    pass(24 * hour);
    await hook.untilTold('retired_credential_in_use/pump-1', 'cleared');
    expect(await connackOf(house, bare(old), 'pump-1:x')).toBe(5);
    await expect.poll(() => hook.of('retired_credential_in_use/pump-1')).toEqual(['raised', 'cleared', 'raised']);
  });

  it('is over when the device is decommissioned, whatever it was', async () => {
    await open();
    await device('pump-1');
    pass(91 * day);
    await hook.untilTold('lapsed/pump-1', 'raised');
    await house.gateway.operations.decommissionDevice({ id: 'pump-1' });
    await hook.untilTold('lapsed/pump-1', 'cleared');
    await expect.poll(() => house.gateway.operations.listAlerts({ open: true })).toEqual([]);
  });

  it('tells who has no owner, as soon as a source brings it and for as long as it has none', async () => {
    await open('sources: { plant: { kind: file, path: plant.csv, every: 1h } }', {
      'plant.csv': 'id,owner\npump-1,\n',
    });
    await hook.untilTold('no_owner/pump-1', 'raised');
    await house.gateway.operations.importDevices({ format: 'csv', text: 'id,owner\npump-1,water\n' });
    await hook.untilTold('no_owner/pump-1', 'cleared');
  });

  it('follows a policy that was changed while the broker was stopped, and is raised anew by none that was not', async () => {
    await open();
    await device('pump-1');
    pass(75 * day);
    await hook.untilTold('expiry_approaching/pump-1', 'raised');
    const file = join(house.home, 'nolapse.yaml');
    await house.restart();
    await house.restart(() =>
      writeFileSync(file, readFileSync(file, 'utf8').replace('7d, grace', '7d, expiryWarning: 10%, grace')),
    );
    await hook.untilTold('expiry_approaching/pump-1', 'cleared');
    expect(hook.of('expiry_approaching/pump-1')).toEqual(['raised', 'cleared']);
  });
});

describe('an alert about strangers', () => {
  const ca = new OtherCa('Somebody', Date.now() + 10_000 * day);
  const inUse = { notBefore: Date.now() - hour, notAfter: Date.now() + 1_000 * day };

  /** When the last knock that was written came. */
  const noted = async () =>
    Math.max(
      0,
      ...(await house.gateway.operations.listFindings({ kind: 'not_in_inventory' })).map((each) => each.lastAt),
    );

  it('names who is not known, whose name is used, and who is decommissioned, each once', async () => {
    await open();
    const gone = await device('gone-1');
    await house.gateway.operations.addDevice({ id: 'pump-1', owner: 'water' });
    await house.gateway.operations.decommissionDevice({ id: 'gone-1' });
    for (let i = 0; i < 3; i += 1) {
      expect(await connackOf(house, ca.issue('pump-9', inUse), 'pump-9')).toBe(5);
      expect(await connackOf(house, ca.issue('pump-1', inUse), 'pump-1')).toBe(5);
      expect(await connackOf(house, bare(gone), 'gone-1')).toBe(5);
      const knockedAt = clock.now();
      pass(10_000);
      await expect.poll(noted).toBeGreaterThan(knockedAt - 1_000);
    }
    expect(hook.of('unknown_identity/pump-9')).toEqual(['raised']);
    expect(hook.of('unknown_identity/gone-1')).toEqual(['raised']);
    expect((await hook.untilTold('unknown_identity/pump-1', 'raised')).data.owner).toBe('water');
    expect((await hook.untilTold('unknown_identity/gone-1', 'raised')).data.detail).toContain('decommissioned');
    await house.gateway.operations.addDevice({ id: 'pump-9', owner: 'water' });
    await house.gateway.operations.lookOver();
    await hook.untilTold('unknown_identity/pump-9', 'cleared');
    pass(25 * hour);
    await hook.untilTold('unknown_identity/gone-1', 'cleared');
  });

  it('is bounded in number, whoever knocks, and leaves places for those who cannot be made up', async () => {
    await open();
    const gone = await device('gone-1');
    await house.gateway.operations.decommissionDevice({ id: 'gone-1' });
    for (let i = 0; i < 120; i += 1) expect(await connackOf(house, ca.issue(`made-up-${i}`, inUse), 'x')).toBe(5);
    await hook.untilTold('unknown_identity/*', 'raised');
    pass(10_000);
    expect(await connackOf(house, bare(gone), 'gone-1')).toBe(5);
    await hook.untilTold('unknown_identity/gone-1', 'raised');
    const standing = await house.gateway.operations.listAlerts({ kind: 'unknown_identity', open: true });
    expect(standing.length).toBeLessThanOrEqual(102);
  });
});

describe('an alert about the broker', () => {
  it('tells of a clock that was set, and has everybody looked at again', async () => {
    await open();
    await device('pump-1');
    setMs = 80 * day;
    expect((await hook.untilTold('clock_moved/clock', 'raised')).data.detail).toBe('it was set forward by 80d');
    await hook.untilTold('expiry_approaching/pump-1', 'raised');
    setMs = 0;
    await hook.untilTold('expiry_approaching/pump-1', 'cleared');
    expect(hook.of('clock_moved/clock')).toEqual(['raised']);
    pass(25 * hour);
    await hook.untilTold('clock_moved/clock', 'cleared');
  });

  it('tells of a clock that was set back while nothing ran', async () => {
    await open();
    await device('pump-1');
    await house.restart(() => {
      setMs = -2 * day;
    });
    expect((await hook.untilTold('clock_moved/clock', 'raised')).data.detail).toContain(
      'before what was recorded last',
    );
  });

  it("tells of its own certificates, each by name, and of a source as long as it can't be read", async () => {
    // Nobody releases another issuing CA.
    const approval = 'trust: { approval: { issuing: required } }';
    await open(`sources: { plant: { kind: file, path: plant.csv, every: 1h } }\n${approval}`);
    await hook.untilTold('source_failed/plant', 'raised');
    pass((5 * 365 - 300) * day);
    const near = await hook.untilTold('own_certificate/issuing certificate', 'raised');
    expect(near.data).toMatchObject({ severity: 'warning', owner: null });
    pass(290 * day);
    expect((await hook.untilTold('own_certificate/issuing certificate', 'updated')).data.severity).toBe('critical');
    expect(hook.of('own_certificate/root certificate')).toEqual([]);
    expect(hook.of('source_failed/plant')).toEqual(['raised']);
  });
});
