// Certificates from a CA elsewhere, as outside CAs behave: other serial numbers, shorter lives, answers that come late, never or wrong.
// A renewal goes through all the same, or says why it waits, and never more than one certificate of it enters the ledger.
import type { MqttClient } from 'mqtt';
import { afterEach, expect, it } from 'vitest';
import { OutsideCa } from '../fakes/outside-ca.ts';
import { connect, type House, newRequest, openHouse, Speaker } from './harness.ts';
import { renewed } from './renewed.ts';

const yaml = `
classes:
  default: { lifetime: 1h, renewAt: 66%, spread: 0%, overlap: 1m, grace: 1h, keyModes: [csr, recertify, keygen], retryFirst: 10m, retryMax: 10m }
`;

let house: House;
let ca: OutsideCa;
const clients: MqttClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await house.close();
});

async function open(): Promise<void> {
  ca = new OutsideCa();
  house = await openHouse({ yaml, throughAuthority: () => ca.authority });
}

async function speaker(id: string, more: Record<string, unknown> = {}): Promise<Speaker> {
  const client = await connect(house, await house.device(id, more), id);
  clients.push(client);
  const speaking = await new Speaker(client, id).listen();
  await speaking.say({ word: 'hello', maxPacket: 4_096 });
  return speaking;
}

/** Has the device ask for its replacement. @returns the renewal. */
async function request(id: string, speaking: Speaker): Promise<string> {
  await house.gateway.operations.runRenewal({ device: id });
  const { renewal } = await speaking.next('offer');
  await speaking.say({ word: 'csr', renewal, csr: (await newRequest(id)).csr });
  return renewal;
}

const certificatesOf = async (id: string) => (await house.gateway.operations.showDevice({ id })).certificates;

it('makes a whole renewal, and the ledger has the certificate as it came back', async () => {
  await open();
  const first = await house.device('meter-1');
  await renewed(house, first, 'meter-1');
  const [one, two] = await certificatesOf('meter-1');
  expect([one?.state, two?.state].toSorted()).toEqual(['active', 'superseded']);
  expect([one?.serial, two?.serial].map((serial) => serial?.split('@')[0]).toSorted()).toEqual(['01', '02']);
  for (const each of [one, two]) {
    expect((each?.notAfter ?? 0) - (each?.notBefore ?? 0)).toBeLessThan(3_600_000);
  }
});

it('waits for a request that is pending, through a restart, and then goes on', async () => {
  await open();
  const speaking = await speaker('meter-1');
  ca.pendingTimes = 2;
  const renewal = await request('meter-1', speaking);
  await expect.poll(() => ca.asked.length).toBeGreaterThanOrEqual(2);
  expect((await house.gateway.operations.showRenewal({ id: renewal })).renewal.state).toBe('requested');
  await house.restart();
  await house.log.until('renewal.issued', { 'nolapse.renewal': renewal });
  const [, ...asked] = ca.asked;
  expect(new Set(asked).size).toBe(1);
  expect(await certificatesOf('meter-1')).toHaveLength(2);
  expect(house.log.count('alert.raised', { 'event.reason': 'authority_down' })).toBe(0);
});

it('adopts one certificate where an answer was lost and the CA has made two', async () => {
  await open();
  const speaking = await speaker('meter-1');
  const before = ca.made;
  ca.losesAnswers = 1;
  const renewal = await request('meter-1', speaking);
  await house.log.until('renewal.issued', { 'nolapse.renewal': renewal });
  expect(ca.made - before).toBe(2);
  expect(await certificatesOf('meter-1')).toHaveLength(2);
});

it('believes no wrong answer, alerts, and goes on when the CA is mended', async () => {
  await open();
  const speaking = await speaker('meter-1');
  ca.fault = 'serverAuth beside clientAuth';
  const renewal = await request('meter-1', speaking);
  await house.log.until('alert.raised', { 'event.reason': 'authority_down' });
  const [alert] = await house.gateway.operations.listAlerts({ open: true, kind: 'authority_down' });
  expect(alert?.detail).toContain('certificates that were not asked for');
  expect(await certificatesOf('meter-1')).toHaveLength(1);
  ca.fault = null;
  await house.log.until('renewal.issued', { 'nolapse.renewal': renewal });
  await house.log.until('alert.cleared', { 'event.reason': 'authority_down' });
  expect(await certificatesOf('meter-1')).toHaveLength(2);
});

it('sends each certificate with the chain of the CA that issued it, also when that CA is another by now', async () => {
  await open();
  const speaking = await speaker('meter-1');
  await request('meter-1', speaking);
  const before = await speaking.next('cert');
  const [former] = ca.authority.trust().issuers[0].chain;
  expect(before.certificates[1]).toEqual(former);
  ca.rollOver();
  await speaking.say({ word: 'hello' });
  const again = await speaking.next('cert');
  expect(again.certificates).toEqual(before.certificates);
  const other = await speaker('meter-2');
  await request('meter-2', other);
  expect((await other.next('cert')).certificates[1]).toEqual(ca.authority.trust().issuers[0].chain[0]);
  expect(ca.authority.trust().issuers[0].chain[0]).not.toEqual(former);
});

it('certifies a key that was made for the device, with a request by that key', async () => {
  await open();
  const speaking = await speaker('meter-1', { modes: ['keygen'] });
  await house.gateway.operations.runRenewal({ device: 'meter-1' });
  const offer = await speaking.next('offer');
  expect(offer).toMatchObject({ mode: 'keygen' });
  expect(offer.size).toBeGreaterThan(0);
});

it('renews over no present key where the CA certifies none without a request', async () => {
  await open();
  await speaker('meter-1', { modes: ['recertify'] });
  await house.gateway.operations.runRenewal({ device: 'meter-1' });
  await house.log.until('alert.raised', { 'event.reason': 'renewal_failed', 'nolapse.principal': 'meter-1' });
  const [alert] = await house.gateway.operations.listAlerts({ open: true, kind: 'renewal_failed' });
  expect(alert?.detail).toContain('no key mode fits');
});

it('watches the root of the server too, which devices verify the broker with', async () => {
  await open();
  const checks = await house.gateway.operations.doctor({});
  const subjects = checks.map(({ subject }) => subject).filter((subject) => subject.startsWith('root certificate'));
  expect(subjects).toEqual(['root certificate', 'root certificate of the server']);
});
