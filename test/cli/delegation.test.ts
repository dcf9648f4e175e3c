// nolapse delegation ...: granted, listed and revoked on a home at rest, and everything that is wrong with a grant named at once.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OtherCa } from '../pki/made.ts';
import { Workplace } from './harness.ts';

const day = 86_400_000;

let place: Workplace;
beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
  // A site may be delegated before a device is there, to the gateway that is.
  for (const [id, site] of [
    ['gw-1', 'nowhere'],
    ['gw-2', 'south'],
  ] as const) {
    await place.ask('device', 'add', id, '--owner', 'o', '--kind', 'gateway', '--site', site);
  }
  for (const id of ['dev-1', 'dev-2']) await place.ask('device', 'add', id, '--owner', 'o', '--site', 'north');
  await place.ask('device', 'add', 'backend', '--owner', 'o', '--kind', 'service');
});
afterAll(() => place.remove());

interface View {
  readonly id: string;
  readonly endsAt: number;
}

const add = (...args: string[]): Promise<View> => place.ask('delegation', 'add', ...args) as Promise<View>;
const limits = ['--modes', 'recertify,csr', '--until', '90d', '--daily', '20'];

describe('nolapse delegation', () => {
  it('grants for devices or a site, and shows it with the devices and the gateway', async () => {
    const named = await add('gw-1', '--device', 'dev-1', 'dev-2', ...limits);
    expect(named).toMatchObject({
      gatewayId: 'gw-1',
      devices: ['dev-1', 'dev-2'],
      site: null,
      modes: ['csr', 'recertify'],
      dailyLimit: 20,
      usedToday: 0,
      revokedAt: null,
    });
    expect(Math.abs(named.endsAt - Date.now() - 90 * day)).toBeLessThan(60_000);
    const site = await add('gw-2', '--site', 'north', '--modes', 'keygen', '--until', '2099-12-31', '--daily', '1');
    expect(site).toMatchObject({ devices: [], site: 'north', endsAt: Date.UTC(2099, 11, 31) });
    const moment = await add(
      'gw-2',
      '--site',
      'south',
      '--modes',
      'csr',
      '--until',
      '2099-12-31T12:00Z',
      '--daily',
      '1',
    );
    expect(moment.endsAt).toBe(Date.UTC(2099, 11, 31, 12));

    expect(await place.ask('device', 'show', 'dev-1')).toMatchObject({
      delegations: [{ gatewayId: 'gw-2', site: 'north' }, { gatewayId: 'gw-1' }],
    });
    expect(await place.ask('device', 'show', 'gw-1')).toMatchObject({ delegations: [{ id: named.id }] });
    expect(await place.ask('device', 'show', 'backend')).toMatchObject({ delegations: [] });
    const { stdout } = await place.run(['device', 'show', 'dev-1', '--home', place.home]);
    expect(stdout).toMatch(/^\S+ +gw-2 +site north +keygen +ends in \d+d/m);

    const all = (await place.ask('delegation', 'list')) as View[];
    expect(all.map(({ id }) => id)).toEqual([named.id, site.id, moment.id].sort());
    expect(await place.ask('delegation', 'list', '--gateway', 'gw-1')).toMatchObject([{ id: named.id }]);
    expect(await place.ask('delegation', 'list', '--limit', '1')).toHaveLength(1);

    const revoked = await place.ask('delegation', 'revoke', site.id);
    expect(revoked).toMatchObject({ id: site.id, revokedAt: expect.any(Number) });
    expect(await place.ask('delegation', 'revoke', site.id)).toEqual(revoked);
    expect(await place.ask('device', 'show', 'dev-1')).toMatchObject({ delegations: [{ gatewayId: 'gw-1' }] });
    const listed = await place.run(['delegation', 'list', '--home', place.home]);
    expect(listed.stdout).toMatch(/^\S+ +gw-2 +site north +keygen +revoked +0\//m);
    expect(listed.stdout).toMatch(/^\S+ +gw-1 +dev-1, dev-2 +csr, recertify +ends in .* 0\/20$/m);
  });

  it('says in the last line of a revocation who has no other way to renew', async () => {
    const ca = new OtherCa('Old Waterworks', Date.now() + 1_000 * day);
    for (const id of ['dev-7', 'dev-8']) {
      const owner = id === 'dev-7' ? 'ana' : 'o';
      await place.ask('device', 'add', id, '--owner', owner, '--site', 'south-7');
      const ends = Date.now() + (id === 'dev-7' ? 20.5 : 40) * day;
      const { der } = ca.issue(id, { notBefore: Date.now() - day, notAfter: ends });
      writeFileSync(join(place.folder, `${id}.der`), der);
      await place.ask('cert', 'import', join(place.folder, `${id}.der`));
    }
    const revoke = async (scope: readonly string[]): Promise<string | undefined> => {
      const { id } = await add('gw-1', ...scope, ...limits);
      const { code, stdout, stderr } = await place.run(['delegation', 'revoke', id, '--home', place.home]);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^state +revoked$/m);
      return stdout.trimEnd().split('\n').at(-1);
    };
    const site = await add('gw-1', '--site', 'south-7', ...limits);
    expect(await revoke(['--device', 'dev-7'])).toBe('no device depends on it to renew');
    expect(await revoke(['--site', 'nowhere'])).toBe('no device depends on it to renew');
    await place.ask('delegation', 'revoke', site.id);
    expect(await revoke(['--device', 'dev-8'])).toMatch(
      /^1 device has no other way to renew; the first to end is dev-8 \(o\), in (?:39d \d+h|40d)$/,
    );
    expect(await revoke(['--site', 'south-7'])).toMatch(
      /^2 devices have no other way to renew; the first to end is dev-7 \(ana\), in 20d \d+h$/,
    );
  });

  it('grants telemetry where that is asked for, and shows which grant it', async () => {
    const plain = (await place.ask('delegation', 'list', '--gateway', 'gw-1')) as object[];
    expect(plain.some((each) => 'telemetry' in each)).toBe(false);
    const list = () => place.run(['delegation', 'list', '--gateway', 'gw-1', '--home', place.home]);
    expect((await list()).stdout).not.toContain('TELEMETRY');
    const args = ['delegation', 'add', 'gw-1', '--device', 'dev-1', ...limits, '--telemetry', '--home', place.home];
    const shown = await place.run(args);
    expect(shown.stdout).toMatch(/^telemetry +yes$/m);
    const [id = ''] = /(?<=^delegation +)\S+/m.exec(shown.stdout) ?? [];
    expect(await place.ask('delegation', 'list', '--gateway', 'gw-1')).toContainEqual(
      expect.objectContaining({ id, telemetry: true }),
    );
    const ofDevice = (await place.ask('device', 'show', 'dev-1')) as { delegations: object[] };
    expect(ofDevice.delegations).toContainEqual(expect.objectContaining({ id, telemetry: true }));
    const { stdout } = await list();
    expect(stdout).toMatch(/ DAILY +TELEMETRY$/m);
    expect(stdout).toMatch(/ dev-1 +csr, recertify .* 0\/20 +yes$/m);
    expect(stdout).toMatch(/ dev-1, dev-2 +csr, recertify .* 0\/20 +no$/m);
    const revoked = await place.run(['delegation', 'revoke', id, '--home', place.home]);
    expect(revoked.stdout).toMatch(/^telemetry +yes$/m);
  });

  it('ends them with their gateway', async () => {
    const done = await place.run(['device', 'decommission', 'gw-2', '--home', place.home]);
    expect(done.stdout).toBe('gw-2 is decommissioned: 0 certificates and 1 delegation revoked, 0 renewals cancelled\n');
    const list = (await place.ask('delegation', 'list', '--gateway', 'gw-2')) as { revokedAt: number | null }[];
    expect(list.map(({ revokedAt }) => revokedAt === null)).toEqual([false, false]);
  });

  it.each([
    [['gw-1', ...limits], ['device, site: name devices or a site, one of the two']],
    [
      ['gw-1', '--device', 'dev-1', '--site', 'north', ...limits],
      ['device, site: name devices or a site, one of the two'],
    ],
    [['dev-1', '--device', 'dev-2', ...limits], ['gateway: dev-1 is a device']],
    [['gw-2', '--device', 'dev-2', ...limits], ['gateway: gw-2 is decommissioned']],
    [
      ['nobody', '--device', 'a/b', 'gone', 'backend', 'gw-1', '--modes', 'csr', '--until', 'soon', '--daily', '0'],
      [
        'gateway: nobody is not in the inventory',
        expect.stringMatching(/^device: not an id: /),
        'device: gone is not in the inventory',
        'device: backend is a service',
        'device: gw-1 is a gateway',
        'until: not a duration such as 90d, or a date such as 2030-01-31',
        'daily: not a whole number from 1 to 1000000',
      ],
    ],
    [['gw-1', '--site', 'north', '--modes', 'csr', '--until', '0s', '--daily', '1'], ['until: not in the future']],
    [
      ['gw-1', '--site', 'north', '--modes', 'csr', '--until', '2001-01-01', '--daily', '1'],
      ['until: not in the future'],
    ],
    [
      ['gw-1', '--site', 'north', '--modes', 'csr', '--until', '2999-01-01', '--daily', '1'],
      ['until: more than 100 years ahead'],
    ],
    [
      ['gw-1', '--site', 'north', '--modes', 'csr', '--until', '2030-13-45', '--daily', '1'],
      ['until: not a duration such as 90d, or a date such as 2030-01-31'],
    ],
    [
      ['gw-1', '--site', 'x'.repeat(129), '--modes', 'csr', '--until', '1d', '--daily', '1'],
      ['site: not a text of at most 128 printable characters'],
    ],
  ])('names what is wrong with %j', async (args, faults) => {
    const before = await place.ask('delegation', 'list');
    const { code, stdout, stderr } = await place.run(['delegation', 'add', ...args, '--home', place.home]);
    expect([code, stdout]).toEqual([2, '']);
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/^nolapse: /, '')),
    ).toEqual(faults);
    expect(await place.ask('delegation', 'list')).toEqual(before);
  });

  it.each([
    [['add', 'gw-1', '--site', 'north', '--until', '1d', '--daily', '1'], "'--modes <modes>' not specified"],
    [['add', 'gw-1', '--site', 'north', '--modes', 'csr', '--daily', '1'], "'--until <when>' not specified"],
    [['add', 'gw-1', '--site', 'north', '--modes', 'csr', '--until', '1d'], "'--daily <count>' not specified"],
    [['add', 'gw-1', '--site', 'north', '--modes', 'magic', '--until', '1d', '--daily', '1'], 'expected some of csr'],
    [['add', 'gw-1', '--site', 'north', '--modes', 'csr', '--until', '1d', '--daily', 'x'], 'expected a whole number'],
    [['revoke', 'none'], 'no delegation none'],
  ])('answers %j in one line', async (args, message) => {
    const { code, stderr } = await place.run(['delegation', ...args, '--home', place.home]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^nolapse: .*\n$/);
  });
});
