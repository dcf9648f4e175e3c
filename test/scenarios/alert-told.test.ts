// What those who are told of alerts can rely on: whose an alert is, also once that changes; how long they asked to be left alone; where
// its runbook is.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connackOf, type House, openHouse } from './harness.ts';
import { AlertmanagerLike, CloudEventsReceiver } from './receivers.ts';

const day = 86_400_000;
let passedMs: number;
const clock = { now: () => Date.now() + passedMs, steady: () => performance.now() + passedMs };
let house: House;
let manager: AlertmanagerLike;
let hook: CloudEventsReceiver;

beforeEach(async () => {
  passedMs = 0;
  manager = await new AlertmanagerLike().open();
  hook = await new CloudEventsReceiver(null).open();
});
afterEach(async () => {
  await house.close();
  await Promise.all([manager.close(), hook.close()]);
  expect(manager.faults).toEqual([]);
});

/** A device of the owner `tests` whose certificate nears its end. */
async function open(more = ''): Promise<void> {
  house = await openHouse({
    clock,
    yaml: `
classes: { default: { lifetime: 90d, renewAt: 66%, spread: 0%, overlap: 7d, grace: 30d } }
sources: { plant: { kind: file, path: plant.csv, every: 365d } }
alerts:
  ${more}
  webhooks:
    manager: { kind: alertmanager, url: '${manager.url}' }
    hook: { kind: cloudevents, url: '${hook.url}' }`,
    files: { 'plant.csv': 'id,owner\nother,x\n' },
  });
  const { certificatePem, keyPem } = await house.device('pump-1');
  expect(await connackOf(house, { certificatePem, keyPem }, 'pump-1')).toBe(0);
  passedMs = 80 * day;
}

const alarm = { alertname: 'expiry_approaching', subject: 'pump-1' };

describe('an alert whose owner changes', () => {
  it.each([
    ['by hand', () => house.gateway.operations.setDevice({ id: 'pump-1', owner: 'anna' })],
    ['by a file', () => house.gateway.operations.importDevices({ format: 'csv', text: 'id,owner\npump-1,anna\n' })],
    [
      'by a source',
      async () => {
        writeFileSync(join(house.home, 'plant.csv'), 'id,owner\npump-1,anna\nother,x\n');
        const asked = { source: 'plant', takeOver: true, acceptLoss: true };
        // Its first reading may still be under way.
        const read = () => house.gateway.operations.reconcile(asked).then(({ applied }) => applied, String);
        await expect.poll(read).toBe(true);
      },
    ],
  ])('%s ends under its old labels, in the same post that has it fire under the new ones', async (_how, change) => {
    await open();
    await manager.untilHaving({ ...alarm, owner: 'tests' }, 'firing');
    await change();
    await manager.untilHaving({ ...alarm, owner: 'anna' }, 'firing');
    expect(manager.having({ ...alarm, owner: 'tests' }, 'firing')).toEqual([]);
    expect(manager.having({ ...alarm, owner: 'tests' }, 'resolved')).toHaveLength(1);
    const both = manager.requests.filter(({ body }) => body.includes('"anna"') && body.includes('"tests"'));
    expect(both.length).toBeGreaterThan(0);
    expect((await hook.untilTold('expiry_approaching/pump-1', 'updated')).data.owner).toBe('anna');
  });

  it('ends under each of its old labels after the receiver was away and the broker stopped', async () => {
    await open();
    await manager.untilHaving({ ...alarm, owner: 'tests' }, 'firing');
    await manager.close();
    for (const owner of ['anna', 'bo']) await house.gateway.operations.setDevice({ id: 'pump-1', owner });
    await house.log.until('sink.failed', { 'nolapse.sink': 'webhooks.manager' });
    await house.restart();
    await manager.open();
    await manager.untilHaving({ ...alarm, owner: 'bo' }, 'firing');
    for (const owner of ['tests', 'anna']) {
      expect(manager.having({ ...alarm, owner }, 'firing')).toEqual([]);
      expect(manager.having({ ...alarm, owner }, 'resolved')).toHaveLength(1);
    }
  });
});

describe('a receiver that says Retry-After', () => {
  it.each([
    ['503 in seconds', 503, () => '1800'],
    ['429 as a date', 429, () => new Date(clock.now() + 1_800_000).toUTCString()],
    ['413 in seconds', 413, () => '1800'],
  ])(
    '%s is left alone until then, and told nothing new meanwhile, and then everything',
    async (_how, status, after) => {
      hook.misbehave = (_, response) => {
        response.sendDate = false;
        response.writeHead(status, { 'retry-after': after() }).end();
      };
      await open();
      await house.log.until('sink.failed', { 'nolapse.sink': 'webhooks.hook' });
      // What failed may have been another alert: this one is to stand before its device changes hands.
      await manager.untilHaving({ ...alarm }, 'firing');
      expect(hook.requests).toHaveLength(1);
      passedMs += 1_200_000;
      // Something new is told to everybody else.
      await house.gateway.operations.setDevice({ id: 'pump-1', owner: 'anna' });
      await manager.untilHaving({ ...alarm, owner: 'anna' }, 'firing');
      expect(hook.requests).toHaveLength(1);
      hook.misbehave = null;
      passedMs += 700_000;
      await hook.untilTold('expiry_approaching/pump-1', 'updated');
      expect(hook.of('expiry_approaching/pump-1')).toEqual(['raised', 'updated']);
      expect(house.log.count('notification.dropped')).toBe(0);
    },
  );
});

describe('the runbook of an alert', () => {
  it.each([
    ['', undefined, null],
    ["runbookBase: 'https://wiki.example/nolapse'", 'https://wiki.example/nolapse#expiry_approaching', 'the same'],
    ["runbookBase: 'https://wiki.example/{kind}.html'", 'https://wiki.example/expiry_approaching.html', 'the same'],
  ])('is named wherever it is told: %s', async (more, url, told) => {
    await open(more);
    const { annotations } = await manager.untilHaving({ ...alarm }, 'firing');
    expect(annotations).toMatchObject({ runbook: 'nolapse runbook expiry_approaching' });
    expect(annotations?.['runbook_url']).toBe(url);
    const { data } = await hook.untilTold('expiry_approaching/pump-1', 'raised');
    expect(data).toMatchObject({ runbook: 'nolapse runbook expiry_approaching', runbookUrl: told && url });
    const line = await house.log.until('alert.raised', { 'event.reason': 'expiry_approaching' });
    expect(line['nolapse.alert.runbook']).toBe(url ?? 'nolapse runbook expiry_approaching');
  });
});
