// Offers and issuance at a rate, whoever has least time left first; and a CA that is down, asked by one request at a time.
import type { MqttClient } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { type Credential, createTestAuthority } from '../broker/test-pki.ts';
import { FailingAuthority } from '../fakes/failing-authority.ts';
import { type Credentials, connect, type House, newRequest, openHouse, Speaker } from './harness.ts';

const classes = `
classes:
  default: { lifetime: 1h, renewAt: 66%, spread: 0%, overlap: 1m, grace: 1h, retryFirst: 10m, retryMax: 10m }
  brief: { lifetime: 20m }
`;

const asCredentials = ({ cert, key }: Credential): Credentials => ({ certificatePem: cert, keyPem: key });

let house: House;
const clients: MqttClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await house.close();
});

async function speaker(id: string, more: { class?: string } = {}): Promise<Speaker> {
  const client = await connect(house, await house.device(id, more), id);
  clients.push(client);
  const speaking = await new Speaker(client, id).listen();
  await speaking.say({ word: 'hello', maxPacket: 4_096 });
  return speaking;
}

/** Looks until it is so; the test's own timeout bounds it. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

function offeredTo(): unknown[] {
  return house.log.lines
    .filter((line) => line['event.action'] === 'renewal.offered')
    .map((line) => line['nolapse.principal']);
}

describe('more due than may be offered', () => {
  it('waits in the ledger for its turn, and least slack goes first', async () => {
    let steady = 0;
    house = await openHouse({
      yaml: `limits: { offersPerSecond: 2 }\n${classes}`,
      clock: { now: () => Date.now(), steady: () => steady },
    });
    const long = ['long-1', 'long-2', 'long-3', 'long-4'];
    const speakers = new Map<string, Speaker>();
    for (const id of long) speakers.set(id, await speaker(id));
    speakers.set('brief-1', await speaker('brief-1', { class: 'brief' }));
    const run = (id: string) => house.gateway.operations.runRenewal({ device: id });
    for (const id of ['long-1', 'long-2']) {
      await run(id);
      await speakers.get(id)?.next('offer');
    }
    for (const id of ['long-3', 'long-4', 'brief-1']) await run(id);
    // Who asks is served within the limit too.
    await speakers.get('long-4')?.say({ word: 'hello', slots: 2 });
    await until(async () => (await house.gateway.operations.showDevice({ id: 'long-4' })).contact?.slots === 2);
    expect(offeredTo()).toEqual(['long-1', 'long-2']);
    steady += 500;
    await speakers.get('brief-1')?.next('offer');
    steady += 1_000;
    await speakers.get('long-3')?.next('offer');
    await speakers.get('long-4')?.next('offer');
    await house.log.until('renewal.offered', { 'nolapse.principal': 'long-4' });
    expect(offeredTo().slice(0, 3)).toEqual(['long-1', 'long-2', 'brief-1']);
    expect(offeredTo()).toHaveLength(5);
  });
});

describe('with one offer a second', () => {
  it('a first enrollment goes first, then a device in the renew-only lane, then who has weeks', async () => {
    let steady = 0;
    let passedMs = 0;
    const maker = await createTestAuthority('Maker');
    house = await openHouse({
      yaml: `limits: { offersPerSecond: 1 }\nbootstrap: { anchors: [maker.crt] }\n${classes}`,
      files: { 'maker.crt': maker.ca },
      clock: { now: () => Date.now() + passedMs, steady: () => steady },
    });
    const speakers = new Map<string, Speaker>();
    const listen = async (id: string, credentials: Credentials) => {
      const client = await connect(house, credentials, id);
      clients.push(client);
      const speaking = await new Speaker(client, id).listen();
      speakers.set(id, speaking);
      // What the first says is done with when the second is heard.
      for (const slots of [2, 3]) await speaking.say({ word: 'hello', maxPacket: 4_096, slots });
      await until(async () => (await house.gateway.operations.showDevice({ id })).contact?.slots === 3);
    };
    const lapsed = await house.device('lane-1', { class: 'brief' });
    await (await connect(house, lapsed, 'lane-1')).endAsync();
    for (const id of ['long-1', 'long-2']) await listen(id, await house.device(id));
    passedMs = 25 * 60_000;
    await house.log.until('certificate.expired', { 'nolapse.principal': 'lane-1' });
    // Takes the one turn there is.
    await house.gateway.operations.runRenewal({ device: 'long-1' });
    await speakers.get('long-1')?.next('offer');
    // They come to wait in the order that is the wrong one.
    await house.gateway.operations.runRenewal({ device: 'long-2' });
    await listen('lane-1', lapsed);
    await house.gateway.operations.addDevice({ id: 'new-1', owner: 'tests' });
    await listen('new-1', asCredentials(await maker.issue('new-1')));
    expect(offeredTo()).toEqual(['long-1']);
    for (const id of ['new-1', 'lane-1', 'long-2']) {
      steady += 1_000;
      await speakers.get(id)?.next('offer');
    }
    await house.log.until('renewal.offered', { 'nolapse.principal': 'long-2' });
    expect(offeredTo()).toEqual(['long-1', 'new-1', 'lane-1', 'long-2']);
  });
});

describe('a CA that is down', () => {
  it('is asked by one request at a time, alarms once, and all that waited is issued when it is back', async () => {
    const authority = new FailingAuthority();
    house = await openHouse({
      yaml: `limits: { issuancesPerSecond: 5 }\n${classes}`,
      throughAuthority: authority.through,
    });
    const ids = ['a-1', 'a-2', 'a-3', 'a-4', 'brief-1'];
    const speakers: Speaker[] = [];
    for (const id of ids) speakers.push(await speaker(id, id.startsWith('brief') ? { class: 'brief' } : {}));
    authority.isDown = true;
    const before = authority.asked;
    for (const [index, id] of ids.entries()) {
      await house.gateway.operations.runRenewal({ device: id });
      const offer = await speakers[index]?.next('offer');
      const { csr } = await newRequest(id);
      await speakers[index]?.say({ word: 'csr', renewal: offer?.renewal ?? '', csr });
    }
    await house.log.until('authority.unavailable');
    await house.log.until('alert.raised', { 'event.reason': 'authority_down' });
    // Whoever asks is told, and its request is kept.
    const last = speakers.at(-1);
    await last?.say({ word: 'hello' });
    const error = await last?.next('error');
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(error?.retryAfter).toBeGreaterThan(0);
    expect(house.log.count('alert.raised', { 'event.reason': 'authority_down' })).toBe(1);
    // Five devices, and as many probes as pauses have passed: no stampede.
    const failures = house.log.count('authority.unavailable');
    expect(authority.asked - before).toBeLessThanOrEqual(ids.length + failures);
    await house.restart();
    authority.isDown = false;
    const issued = ids.map((id) => house.log.until('renewal.issued', { 'nolapse.principal': id }));
    await Promise.all(issued);
    expect(new Set(authority.signedFor)).toEqual(new Set(ids));
    expect(authority.signedFor.slice(-ids.length)).toHaveLength(ids.length);
    expect(house.log.count('renewal.issued')).toBe(ids.length);
    // The alert is from before the restart, and over all the same.
    await house.log.until('alert.cleared', { 'event.reason': 'authority_down' });
    expect(await house.gateway.operations.listAlerts({ open: true, kind: 'authority_down' })).toEqual([]);
  });

  it('has its alert cleared when it signs again, and another when it is down once more', async () => {
    const authority = new FailingAuthority();
    house = await openHouse({ yaml: classes, throughAuthority: authority.through });
    const alert = { 'event.reason': 'authority_down', 'nolapse.alert.subject': 'issuing' };
    for (const id of ['a-1', 'a-2']) {
      const since = house.log.lines.length;
      const device = await speaker(id);
      authority.isDown = true;
      await house.gateway.operations.runRenewal({ device: id });
      const { renewal } = await device.next('offer');
      await device.say({ word: 'csr', renewal, csr: (await newRequest(id)).csr });
      await house.log.until('alert.raised', { ...alert, 'nolapse.alert.severity': 'critical' }, since);
      authority.isDown = false;
      await house.log.until('authority.back', {}, since);
      await house.log.until('alert.cleared', alert, since);
      expect(await house.gateway.operations.listAlerts({ open: true, kind: 'authority_down' })).toEqual([]);
    }
    expect([house.log.count('alert.raised', alert), house.log.count('alert.cleared', alert)]).toEqual([2, 2]);
  });

  it('is told to whoever sends a request meanwhile, which is kept, and signed when it is back', async () => {
    const authority = new FailingAuthority();
    house = await openHouse({ yaml: classes, throughAuthority: authority.through });
    const [first, second] = [await speaker('a-1'), await speaker('a-2')];
    for (const device of ['a-1', 'a-2']) await house.gateway.operations.runRenewal({ device });
    const offers = [await first.next('offer'), await second.next('offer')];
    authority.isDown = true;
    await first.say({ word: 'csr', renewal: offers[0]?.renewal ?? '', csr: (await newRequest('a-1')).csr });
    await house.log.until('authority.unavailable');
    const renewal = offers[1]?.renewal ?? '';
    await second.say({ word: 'csr', renewal, csr: (await newRequest('a-2')).csr });
    const answer = await second.next('error');
    expect(answer).toMatchObject({
      code: 'unavailable',
      renewal,
      detail: 'the CA does not sign now; the request is kept',
    });
    expect(answer.retryAfter).toBeGreaterThan(0);
    expect((await house.gateway.operations.showRenewal({ id: renewal })).renewal).toMatchObject({
      state: 'requested',
      requests: 1,
    });
    authority.isDown = false;
    // Nothing is sent twice.
    expect((await second.next('cert')).renewal).toBe(renewal);
    expect((await house.gateway.operations.showRenewal({ id: renewal })).renewal.requests).toBe(1);
  });
});
