// What lists look like on a running gateway: an empty one says that it is, and none is wider than a terminal.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { end, type Running, startGateway } from './gateway-process.ts';
import { type Outcome, Workplace } from './harness.ts';

let place: Workplace;
let gateway: Running;
beforeAll(async () => {
  place = new Workplace();
  gateway = await startGateway(place);
});
afterAll(async () => {
  await end(gateway);
  place.remove();
});

const run = (...args: readonly string[]): Promise<Outcome> => place.run([...args, '--home', place.home]);

describe('an empty list', () => {
  it.each([
    ['device', 'devices'],
    ['cert', 'certificates'],
    ['renewal', 'renewals'],
    ['delegation', 'delegations'],
    ['campaign', 'campaigns and drills'],
    ['finding', 'findings'],
    ['alert', 'alerts'],
    ['source', 'sources'],
  ])('says so beside the answer: nolapse %s list', async (group, of) => {
    expect(await run(group, 'list')).toEqual({ code: 0, stdout: '', stderr: `nolapse: no ${of} found\n` });
    expect(await run(group, 'list', '-o', 'json')).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  });

  it('is one too where there is no source to reconcile with', async () => {
    const remark = 'nolapse: no source is configured\n';
    expect(await run('reconcile')).toEqual({ code: 0, stdout: '', stderr: remark });
    expect(await run('reconcile', '-o', 'json')).toEqual({ code: 0, stdout: '[]\n', stderr: remark });
  });
});
