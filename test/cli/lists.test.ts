// What lists look like on a running broker: an empty one says that it is, and none is wider than a terminal.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

/** Ids, an owner and a site as long as they are in earnest. */
const gatewayId = 'gw-waterworks-north-01';
const [meter, pump] = ['meter-waterworks-0042', 'pump-waterworks-n-0007'];
const where = { owner: 'water-operations@stadtwerke.example', site: 'waterworks-north' };
const configuration = `
classes: { water-meter: { lifetime: 365d, renewAt: 60% } }
sources: { asset-management: { kind: file, path: missing/export-of-the-asset-management-of-all-waterworks.csv } }
`;

let place: Workplace;
let gateway: Running;
beforeAll(async () => {
  place = new Workplace();
  gateway = await startNolapse(place);
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

describe('a list', () => {
  beforeAll(async () => {
    await end(gateway);
    writeFileSync(join(place.home, 'nolapse.yaml'), configuration);
    gateway = await startNolapse(place);
    await place.ask('device', 'add', gatewayId, '--kind', 'gateway', '--owner', where.owner, '--site', where.site);
    for (const id of [meter, pump]) {
      const facts = ['--class', 'water-meter', '--gateway', gatewayId, '--criticality', 'critical'];
      await place.ask('device', 'add', id, '--owner', where.owner, '--site', where.site, ...facts);
      await place.ask('device', 'issue', id, '--out', 'credentials');
    }
    await place.ask('device', 'quarantine', pump);
    const modes = ['--modes', 'csr,recertify,keygen', '--until', '400d', '--daily', '1000'];
    await place.ask('delegation', 'add', gatewayId, '--device', meter, pump, ...modes);
    // Nobody in this cohort can renew: it stops, which is exit code 1, and an alert.
    expect((await run('drill', '--cohort', 'canary', '--wait', '60s')).code).toBe(1);
  });

  it.each([
    ['device list', 0, where.site],
    ['cert list', 0, meter],
    ['delegation list', 0, `${pump}`],
    ['campaign list', 1, 'drill of cohort canary'],
    ['finding list --fresh', 1, 'its certificate was never seen in use'],
    ['alert list', 1, 'rollout_stopped'],
    ['source list', 0, 'asset-management'],
    ['policy list', 0, 'water-meter'],
    ['policy explain pump-waterworks-n-0007', 0, 'class water-meter'],
    ['device show pump-waterworks-n-0007', 0, gatewayId],
    ['forecast --days 600', 0, 'certificates in use'],
    ['doctor', 1, 'server certificate'],
    [
      'evidence --framework nist-csf-2.0 --from 2026-01-01 --to 2027-01-01 --out records.jsonl',
      1,
      'separation of duties',
    ],
  ] as const)('is no wider than 100 columns: nolapse %s', async (line, code, content) => {
    const outcome = await run(...line.split(' '));
    expect(outcome.code).toBe(code);
    expect(outcome.stdout).toContain(content);
    expect(outcome.stdout.split('\n').filter((each) => each.length > 100)).toEqual([]);
  });

  it('names a certificate by digits that name it elsewhere', async () => {
    const { stdout } = await run('cert', 'list', '--device', meter);
    const digits = /^[0-9a-f]{16}(?= )/m.exec(stdout)?.[0] ?? '';
    expect(await place.ask('cert', 'show', digits)).toMatchObject({ certificate: { principalId: meter } });
  });

  it('is whole in JSON', async () => {
    expect(await place.ask('device', 'list')).toMatchObject([where, where, where]);
    expect(await place.ask('cert', 'list')).toMatchObject(
      [1, 2].map(() => ({ serial: expect.stringMatching(/^[0-9a-f]{30,}$/) })),
    );
  });
});
