// A control, over real TLS: devices that have proved a root are told of a port whose chain nobody can trust. Who verifies the broker says so,
// who does not is found, and nobody is held up, let in or missed because of it.
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { dayMs } from '../../src/domain/time.ts';
import { idOf } from '../domain/samples.ts';
import { freePort } from './free-port.ts';
import { connackOf, connect, type House, openHouse, Speaker } from './harness.ts';
import { Learner, Rollover } from './rollover.ts';

const kind = 'does_not_verify_server';
let ahead = 0;
let control = 0;
let house: House;
let rollover: Rollover;
const learners: Learner[] = [];
const clients: MqttClient[] = [];

beforeEach(async () => {
  ahead = 0;
  control = await freePort();
  house = await openHouse({
    yaml: `
classes: { default: { lifetime: 100d, renewAt: 90%, spread: 0%, overlap: 10m, grace: 30d } }
trust: { controlPort: ${control} }
`,
    clock: { now: () => Date.now() + ahead },
  });
  rollover = new Rollover(house);
  await rollover.open(2);
});
afterEach(async () => {
  for (const { device } of learners.splice(0)) await device.stop();
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
  rollover.close();
});

const record = (id: string) => house.store.read.trustRecord(idOf(id));
const told = (id: string) => house.store.read.trustTold(idOf(id));
const root = (number: number): string => rollover.fingerprint(number);
const findings = async () => (await house.gateway.operations.listFindings({ kind })).map(({ subject }) => subject);

/** A device that has taken the next root and proved it. */
async function proven(id: string): Promise<Learner> {
  const device = new Learner(id, await house.device(id), house.gateway.ports.mqtt);
  learners.push(device);
  const proved = device.verified(root(2));
  device.device.start();
  await proved;
  return device;
}

/** The same whose words, and whose connections, a test has in its hands. */
async function puppet(id: string, renewal: string) {
  const issued = await house.device(id);
  const first = new Speaker(await connect(house, issued, id), id);
  await first.listen();
  await first.next('trust');
  await first.say({ word: 'ack', renewal, status: 'stored' });
  await house.log.until('trust.stored', { 'nolapse.principal': id });
  await first.client.endAsync(true);
  // It has no way to check the next root here: what is proved is that it comes to its port.
  const there = { port: rollover.root(2).port, rejectUnauthorized: false };
  const client = await connect(house, issued, id, there);
  clients.push(client);
  const speaker = await new Speaker(client, id).listen();
  await house.log.until('trust.proved', { 'nolapse.principal': id });
  return { issued, speaker };
}

/** The day on which controls are chosen. */
function nextDay(): void {
  ahead += dayMs + 60_000;
}

describe('a control', () => {
  it('is told to a device that has proved a root, which refuses its chain, says so and comes back', async () => {
    await rollover.release('successor', 1);
    const device = await proven('meter-1');
    const refused = device.device.once('step_refused');
    const back = device.verified(root(2));
    nextDay();
    expect(await refused).toMatchObject({ code: 'port_untrusted' });
    expect((await back).port).toBe(rollover.root(2).port);
    await house.log.until('trust.control_passed', { 'nolapse.principal': 'meter-1' });
    expect(await record('meter-1')).toMatchObject({ control: { verdict: 'passed' }, last: { root: 2 } });
    expect(await told('meter-1')).toMatchObject({ control: { answered: true } });
    expect(await findings()).toEqual([]);
    // What it says of the control is no failure of the step, and no reason to tell that again.
    expect(house.log.count('trust.failed')).toBe(0);
    expect(await house.gateway.operations.listAlerts({ kind: 'handshakes_failing' })).toEqual([]);
    expect(await device.held()).toEqual([root(1), root(2)]);
    // Once for each build: the next day it is left in peace.
    const announced = house.log.count('trust.announced');
    nextDay();
    await house.log.until('trust.control_passed');
    expect(house.log.count('trust.announced')).toBe(announced);
  });

  it('finds who connects to it, gives it no session, no activation and no presence, and is not passed by a word after that', async () => {
    const renewal = await rollover.release('successor', 1);
    const { issued, speaker } = await puppet('careless', renewal);
    nextDay();
    expect(await speaker.next('trust')).toEqual({ word: 'trust', renewal, size: expect.any(Number), port: control });
    await speaker.client.endAsync();
    await vi.waitFor(async () => {
      expect(await house.store.read.presence(idOf('careless'))).toMatchObject({ leftAt: expect.any(Number) });
    }, 60_000);
    const next = await house.gateway.operations.issueDevice({ id: 'careless' });
    const before = await house.store.read.presence(idOf('careless'));
    const careless = { port: control, rejectUnauthorized: false };
    expect(await connackOf(house, next, 'careless', careless)).toBe(5);
    await house.log.until('trust.control_failed', { 'nolapse.principal': 'careless' });
    expect(await findings()).toEqual(['careless']);
    expect(await house.store.read.presence(idOf('careless'))).toEqual(before);
    const { certificates } = await house.gateway.operations.showDevice({ id: 'careless' });
    expect(certificates.map(({ state }) => state).toSorted()).toEqual(['active', 'issued']);
    expect(await record('careless')).toMatchObject({ last: { root: 2 }, control: { verdict: 'does_not_verify' } });
    const view = await house.gateway.operations.trustStatus();
    expect(view.shares?.controlFailed ?? 1).toBe(1);

    const again = await connect(house, issued, 'careless', { port: rollover.root(2).port, rejectUnauthorized: false });
    clients.push(again);
    const liar = await new Speaker(again, 'careless').listen();
    await liar.say({ word: 'ack', renewal, status: 'failed', code: 'port_untrusted' });
    await liar.say({ word: 'hello' });
    await liar.nothingDue();
    expect((await record('careless'))?.control?.verdict).toBe('does_not_verify');
    expect(await findings()).toEqual(['careless']);
    expect(house.log.count('trust.failed')).toBe(0);
  });

  it('means nothing where the device is silent, or cannot reach the port', async () => {
    const renewal = await rollover.release('successor', 1);
    const { speaker } = await puppet('silent', renewal);
    nextDay();
    await speaker.next('trust');
    await speaker.say({ word: 'hello' });
    await speaker.nothingDue();
    expect((await record('silent'))?.control).toBeNull();
    await speaker.say({ word: 'ack', renewal, status: 'failed', code: 'port_unreachable' });
    await speaker.say({ word: 'hello' });
    await speaker.nothingDue();
    expect((await record('silent'))?.control).toBeNull();
    expect(await told('silent')).toMatchObject({ control: { answered: true } });
    // What is said later is not about it any more.
    await speaker.say({ word: 'ack', renewal, status: 'failed', code: 'port_untrusted' });
    await house.log.until('trust.failed', { 'nolapse.principal': 'silent' });
    expect((await record('silent'))?.control).toBeNull();
  });

  it('keeps no real step waiting, not even while it is being tried', async () => {
    const renewal = await rollover.release('successor', 1);
    const { speaker } = await puppet('meter-1', renewal);
    await rollover.open(3);
    nextDay();
    await speaker.next('trust');
    const next = await rollover.release('successor', 2);
    expect(await speaker.next('trust')).toMatchObject({ renewal: next, port: rollover.root(3).port });
    await speaker.say({ word: 'ack', renewal: next, status: 'stored' });
    await house.log.until('trust.stored', { message: `meter-1: step ${next.slice(1)} (successor) is stored` });
    expect(await record('meter-1')).toMatchObject({ stored: { root: 3 }, control: null });
  });

  it('is not told where a real step is due', async () => {
    const renewal = await rollover.release('successor', 1);
    const { speaker } = await puppet('meter-1', renewal);
    await rollover.open(3);
    const next = await rollover.release('successor', 2);
    expect(await speaker.next('trust')).toMatchObject({ renewal: next });
    nextDay();
    await vi.waitFor(async () => expect((await told('meter-1'))?.control).toMatchObject({ sequence: null }), 60_000);
    // The real one is repeated, for it was not answered.
    expect(await speaker.next('trust')).toMatchObject({ renewal: next, port: rollover.root(3).port });
    await speaker.say({ word: 'hello' });
    await speaker.nothingDue();
    expect(speaker.heard.filter(({ word }) => word === 'trust')).toEqual([]);
    expect(await told('meter-1')).toMatchObject({ control: { sequence: null } });
  });
});
