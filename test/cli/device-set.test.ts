// Single fields of a record, and files that name some of them, at rest and over the socket of a running broker.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, Workplace } from './harness.ts';
import { end, startNolapse } from './nolapse-process.ts';

let place: Workplace;
beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
});
afterAll(() => place.remove());

const run = (args: readonly string[], input?: string): Promise<Outcome> =>
  place.run([...args, '--home', place.home], input === undefined ? {} : { input });

/** The same is said and answered whether a broker runs or not. */
async function changesRecords(id: string): Promise<void> {
  await place.ask(
    'device',
    'add',
    id,
    '--owner',
    'carla',
    '--site',
    'north',
    '--max-packet',
    '512',
    '--cohort',
    'canary',
  );
  expect(await place.ask('device', 'set', id, '--owner', 'anna', '--max-packet', '')).toMatchObject({
    ...{ id, owner: 'anna', site: 'north', packetBytesMax: null, cohort: 'canary' },
    changed: [
      { field: 'owner', from: 'carla', to: 'anna' },
      { field: 'maxPacket', from: '512', to: 'none' },
    ],
  });
  expect(await run(['device', 'set', id, '--site', '', '--criticality', 'high'])).toEqual({
    ...{ code: 0, stderr: '' },
    stdout: `${id}: criticality medium -> high, site north -> none\n`,
  });
  expect((await run(['device', 'set', id, '--owner', 'anna'])).stdout).toBe(`nothing changed: ${id} is as it was\n`);
  const owners = ['device', 'import', '-', '--format', 'csv'];
  expect((await run(owners, `id,owner\n${id},dora\n`)).stdout).toBe('0 added, 1 updated\n');
  expect((await run(owners, `id,owner\n${id},dora\n`)).stdout).toBe('nothing changed: 1 record is as it was\n');
  expect(await place.ask('device', 'show', id)).toMatchObject({
    principal: { owner: 'dora', criticality: 'high', cohort: 'canary', site: null },
  });
}

describe('a record', () => {
  it('is changed by the fields that are named, on a home at rest', () => changesRecords('pump-1'));

  it('is changed by the fields that are named, over the socket of a broker', async () => {
    const gateway = await startNolapse(place);
    await changesRecords('pump-2');
    await end(gateway);
  });

  it('is not changed by what cannot be, which is named with exit code 2', async () => {
    await place.ask('device', 'add', 'pump-3', '--owner', 'carla');
    const cases: [string[], string][] = [
      [['--class', 'none'], 'class: none is not configured'],
      [['--criticality', 'huge'], 'expected one of low, medium, high, critical'],
      [['--slots', '0'], 'slots: not a whole number'],
      [['--kind', 'gateway'], "unknown option '--kind'"],
      [['--owner', ''], '--force --reason TEXT'],
      [['--owner', '', '--force'], '--force needs one'],
      [[], 'nothing to set'],
    ];
    for (const [options, why] of cases) {
      const done = await run(['device', 'set', 'pump-3', ...options]);
      expect(done).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(why) });
    }
    expect(await place.ask('device', 'show', 'pump-3')).toMatchObject({ principal: { owner: 'carla' } });
    const insisting = ['--force', '--reason', 'sold'];
    expect((await run(['device', 'set', 'pump-3', '--owner', '', ...insisting])).code).toBe(0);
    expect((await run(['device', 'set', 'nobody', '--owner', 'x'])).code).toBe(2);
  });
});
