// The journal of a renewal says who did each step: the device by what it sends, the site gateway that speaks for one, the operator, and
// the broker what follows from it. What a source changes is the source's doing.
import { afterEach, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/actor.ts';
import { connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

const yaml = 'classes: { default: { lifetime: 1h, renewAt: 66%, spread: 0%, overlap: 1s, grace: 1h } }';
const carla: Actor = { name: 'carla', channel: 'control socket', claimed: true, reason: 'its flash fails' };

let house: House;
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
  await house.close();
});

/** Each step, and who did it through what. */
async function stepsOf(id: string): Promise<(readonly [string, string])[]> {
  const { journal } = await house.gateway.operations.showRenewal({ id });
  return journal
    .toReversed()
    .map(({ action, actor }) => [action.replace('renewal.', ''), `${actor?.name} by ${actor?.channel}`] as const);
}

describe('a renewal', () => {
  it('has its steps done by the operator, the broker and the device', async () => {
    house = await openHouse({ yaml });
    const first = await house.device('pump-1');
    const client = await connect(house, first, 'pump-1');
    ends.push(() => client.endAsync(true));
    const speaker = await new Speaker(client, 'pump-1').listen();
    await speaker.say({ word: 'hello', maxPacket: 4_096 });
    const { id: renewal } = await house.gateway.operationsFor(carla).runRenewal({ device: 'pump-1' });
    await speaker.next('offer');
    const { csr, keyPem } = await newRequest('pump-1');
    await speaker.say({ word: 'csr', renewal, csr });
    const { certificates } = await speaker.next('cert');
    await speaker.say({ word: 'ack', renewal, status: 'installed' });
    await house.log.until('renewal.installed');
    const replaced = await connect(house, { certificatePem: pemOf(certificates), keyPem }, 'pump-1');
    ends.push(() => replaced.endAsync(true));
    await house.log.until('renewal.retired');
    const steps = await stepsOf(renewal);
    expect(steps.filter(([step]) => step !== 'confirmed')).toEqual([
      ['due', 'carla by control socket'],
      ['offered', 'broker by broker'],
      ['requested', 'pump-1 by mqtt'],
      ['issued', 'broker by broker'],
      ['delivered', 'broker by broker'],
      ['installed', 'pump-1 by mqtt'],
      ['activated', 'pump-1 by mqtt'],
      ['retired', 'broker by broker'],
    ]);
    const line = await house.log.until('renewal.due');
    expect(line).toMatchObject({ 'nolapse.actor': 'carla', 'nolapse.actor_reason': 'its flash fails' });
    expect(await house.log.until('renewal.requested')).not.toHaveProperty(['nolapse.actor']);
  });

  it('through a site gateway is asked for by the site gateway', async () => {
    house = await openHouse({ yaml });
    const gateway = await openGateway(house, 'gate-1');
    ends.push(() => gateway.client.endAsync(true));
    const device = new SiteDevice(gateway.client, 'dev-1', await house.device('dev-1'));
    await delegate(house, 'gate-1');
    await device.report();
    await house.log.until('certificate.activated');
    const { id: renewal } = await house.gateway.operations.runRenewal({ device: 'dev-1' });
    await device.next('offer');
    await device.request(renewal, true);
    await device.next('cert');
    const steps = await stepsOf(renewal);
    expect(steps.find(([step]) => step === 'requested')).toEqual(['requested', 'gate-1 by mqtt']);
  });
});

describe('a source that is read when it is due', () => {
  it('is who adds the devices it has', async () => {
    house = await openHouse({
      yaml: `${yaml}\nsources: { cmdb: { kind: file, path: fleet.csv, every: 365d } }`,
      files: { 'fleet.csv': 'id,owner\nmeter-1,water\n' },
    });
    await house.log.until('source.reconciled');
    const { records } = await house.gateway.operations.evidence({
      framework: 'nist-csf-2.0',
      from: '2020-01-01',
      to: '2100-01-01',
      after: { part: 'journal', key: '', until: Date.now() + 1 },
    });
    const lines = records.filter(({ record }) => record === 'journal');
    expect(lines.map(({ action, actor }) => [action, actor])).toEqual([
      ['device.added', { name: 'cmdb', channel: 'source', claimed: false, reason: null }],
      ['source.reconciled', { name: 'cmdb', channel: 'source', claimed: false, reason: null }],
    ]);
  });
});
