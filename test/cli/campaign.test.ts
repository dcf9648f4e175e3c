// nolapse campaign and nolapse drill: what they answer, what they refuse, and the exit codes that say how it stands.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CampaignView } from '../../src/app/views/campaigns.ts';
import { OtherCa } from '../pki/made.ts';
import { openHouse } from '../scenarios/harness.ts';
import { connectDevice } from '../scenarios/simulated.ts';
import { type Outcome, Workplace } from './harness.ts';

let place: Workplace;
beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
  await place.ask('device', 'add', 'pump-1', '--owner', 'o', '--site', 'north');
  writeFileSync(join(place.home, 'nolapse.yaml'), 'classes: { meter: { lifetime: 60d } }\n');
});
afterAll(() => place.remove());

const campaign = (...args: string[]): Promise<Outcome> => place.run(['campaign', ...args, '--home', place.home]);

const otherCa = new OtherCa('Old Waterworks', Date.now() + 1_000 * 3_600_000);

/** A certificate of another CA: in use from the moment it is imported. */
async function adopt(fleet: Workplace, id: string): Promise<void> {
  const hour = 3_600_000;
  const file = join(fleet.folder, `${id}.crt`);
  writeFileSync(file, otherCa.issue(id, { notBefore: Date.now() - hour, notAfter: Date.now() + 100 * hour }).der);
  await fleet.ask('cert', 'import', file);
}

/** Each command is a process of its own. */
const patience = { timeout: 120_000 };

describe('nolapse campaign', () => {
  it('begins one, and shows, pauses, resumes and aborts it', patience, async () => {
    const start = ['start', '--reason', 'lifetime of 30 days', '--class', 'meter', '--issued-before', '2026-01-01'];
    const begun = (await place.ask('campaign', ...start)) as CampaignView;
    expect(begun).toMatchObject({ state: 'running', cohort: 'canary', class: 'meter', drill: false, cohorts: [] });
    expect(begun.issuedBefore).toBe(Date.parse('2026-01-01T00:00Z'));
    const { code, stdout } = await campaign('show', begun.id);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^reason +lifetime of 30 days$/m);
    expect(stdout).toMatch(/^replaces +issued before 2026-01-01T00:00:00Z, class meter$/m);
    expect(await place.ask('campaign', 'pause', begun.id)).toMatchObject({ state: 'paused' });
    expect(await place.ask('campaign', 'resume', begun.id)).toMatchObject({ state: 'running' });
    expect(await place.ask('campaign', 'abort', begun.id)).toMatchObject({ state: 'aborted' });
    const again = await campaign('resume', begun.id);
    expect(again).toMatchObject({ code: 2, stderr: `nolapse: campaign ${begun.id} is aborted\n` });
    expect((await campaign('list')).stdout).toMatch(new RegExp(`^${begun.id} +aborted +canary +\\S+Z +lifetime`, 'm'));
  });

  it('refuses what cannot be meant, every fault named', patience, async () => {
    const bad = ['start', '--reason', ' ', '--issued-before', '2999-01-01', '--reason-code', 'stolen'];
    bad.push('--class', 'metre', '--site', 'nroth');
    const { code, stderr } = await campaign(...bad);
    expect(code).toBe(2);
    expect(stderr).toContain('reason: expected 1 to 256 characters');
    expect(stderr).toContain('issued-before: in the future, it would replace its own replacements');
    expect(stderr).toContain('class: metre is not configured');
    expect(stderr).toContain('site: no device in the inventory is at the site "nroth"');
    expect(stderr).toContain('reason-code: not one of unspecified, keyCompromise');
    expect(await campaign('show', 'nothing')).toMatchObject({ code: 2, stderr: 'nolapse: no campaign nothing\n' });
    expect((await campaign('start')).stderr).toContain('--reason');
    expect(await campaign('start', '--reason', 'leaked', '--site', 'nrth')).toMatchObject({
      code: 2,
      stderr: 'nolapse: site: no device in the inventory is at the site "nrth"\n',
    });
  });
});

describe('a campaign over the whole fleet', () => {
  let fleet: Workplace;
  const start = (...args: string[]): Promise<Outcome> =>
    fleet.run(['campaign', 'start', '--reason', 'a new profile', ...args, '--home', fleet.home]);
  beforeAll(async () => {
    fleet = new Workplace();
    await fleet.ask('init');
    for (const [id, site, cohort] of [
      ['pump-1', 'north', 'canary'],
      ['pump-2', 'north', 'broad'],
      ['pump-3', 'south', 'broad'],
    ] as const) {
      await fleet.ask('device', 'add', id, '--owner', 'o', '--site', site, '--cohort', cohort);
      await adopt(fleet, id);
    }
  }, 120_000);
  afterAll(() => fleet.remove());

  it('is refused without --all, and the refusal counts the fleet', patience, async () => {
    const { code, stderr } = await start();
    expect(code).toBe(2);
    expect(stderr).toContain('the whole fleet: 3 certificates of 3 devices');
    expect(stderr).toContain('--all');
    expect(await fleet.ask('campaign', 'list')).toEqual([]);
  });

  it(
    'is counted by --dry-run, which begins nothing and says with exit code 1 that --all is missing',
    patience,
    async () => {
      expect(await start('--dry-run')).toMatchObject({
        code: 1,
        stdout:
          'in scope: 3 certificates of 3 devices\n  canary: 1\n  broad: 2\nnot started: this is the whole fleet, which needs --all\n',
      });
      expect(await start('--dry-run', '--all')).toMatchObject({
        code: 0,
        stdout: 'in scope: 3 certificates of 3 devices\n  canary: 1\n  broad: 2\nnot started: a dry run\n',
      });
      expect((await start('--dry-run', '--site', 'south')).stdout).toMatch(/^in scope: 1 certificate of 1 device$/m);
      expect(await fleet.ask('campaign', 'list')).toEqual([]);
      expect(await fleet.run(['drill', '--cohort', 'broad', '--dry-run', '--home', fleet.home])).toMatchObject({
        code: 0,
        stdout: 'in scope: 2 certificates of 2 devices\n  broad: 2\nnot started: a dry run\n',
      });
    },
  );

  it('refuses --all beside a filter, and begins with --all alone', patience, async () => {
    expect((await start('--all', '--site', 'north')).stderr).toContain('all: it goes without');
    const { code, stdout } = await start('--all');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^in scope: 3 certificates of 3 devices$/m);
    expect(await fleet.ask('campaign', 'list')).toHaveLength(1);
  });
});

describe('nolapse drill', () => {
  it('returns at once with its id; waited for, it exits with 1 where nothing is proven', patience, async () => {
    const begun = (await place.ask('drill', '--cohort', 'early', '--site', 'north')) as CampaignView;
    expect(begun).toMatchObject({ drill: true, state: 'running', cohort: 'early', site: 'north' });
    // On a home at rest nobody renews.
    const { code, stdout } = await place.run(['drill', '--cohort', 'canary', '--wait', '1s', '--home', place.home]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^state +running$/m);
    expect((await place.run(['drill', '--cohort', 'all', '--home', place.home])).code).toBe(2);
  });

  it('exits with 0 once the cohort is activated', patience, async () => {
    const house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, overlap: 1m } }' });
    const issued = await house.device('pump-1');
    const device = await connectDevice('pump-1', issued, house.gateway.ports.mqtt);
    try {
      const { code, stdout } = await place.run(['drill', '--cohort', 'broad', '--wait', '60s', '--home', house.home]);
      expect(stdout).toMatch(/^state +done$/m);
      expect(stdout).toMatch(/^broad +1 +1 +0 +1 activated$/m);
      expect(code).toBe(0);
      const { certificates } = await house.gateway.operations.showDevice({ id: 'pump-1' });
      expect(certificates.map(({ state }) => state)).toEqual(['active', 'active']);
    } finally {
      await device.stop();
      await house.close();
    }
  });
});
