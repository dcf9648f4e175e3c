// nolapse forecast: the answer for people and for programs, and an exit code that says whether anybody goes dark. On a home at rest.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ForecastView } from '../../src/app/views/forecast.ts';
import { openStore } from '../../src/store/index.ts';
import { certificate } from '../contract/store/rows.ts';
import { Workplace } from './harness.ts';

const day = 86_400_000;

let place: Workplace;
beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
  for (const [id, owner] of [
    ['pump-1', 'water'],
    ['pump-2', 'water'],
    ['lift-1', 'ways'],
  ] as const) {
    await place.ask('device', 'add', id, '--owner', owner, '--site', 'north');
  }
  const { store } = openStore(join(place.home, 'nolapse.db'));
  const now = Date.now();
  await store.transact(async (tx) => {
    for (const [i, id] of ['pump-1', 'pump-2', 'lift-1'].entries()) {
      const validity = { notBefore: now - 10 * day, notAfter: now + (30 + i) * day, renewAt: now + 10 * day };
      await tx.putCertificate(certificate(id, id, { ...validity, lastSeenAt: now }));
    }
  });
  await store.close();
});
afterAll(() => place.remove());

const forecast = (...args: string[]) => place.run(['forecast', '--home', place.home, ...args]);

describe('nolapse forecast', () => {
  it('says that nobody goes dark, with exit code 0', async () => {
    const { code, stdout, stderr } = await forecast();
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^certificates in use that end by \S+Z +3\ndevices expected to go dark +0\n$/);
    expect(code).toBe(0);
  });

  it('names who does, by owner and site, with exit code 1', async () => {
    for (const id of ['pump-1', 'lift-1']) await place.ask('device', 'quarantine', id);
    const { code, stdout } = await forecast();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^certificates in use that end by \S+Z +3\ndevices expected to go dark +2\n\nOWNER/);
    expect(stdout).toMatch(/^water +north +1 +\S+Z +in (29d 23h|30d)$/m);
    expect(stdout).toMatch(/^pump-1 +water +north +in (29d 23h|30d) +quarantined +- +/m);
    expect(stdout).not.toContain('pump-2');
    expect(stdout.indexOf('pump-1')).toBeLessThan(stdout.indexOf('lift-1'));
  });

  it('answers as JSON what was asked for, and counts whom it does not list', async () => {
    const ask = async (...args: string[]): Promise<ForecastView> => {
      const { stdout } = await forecast('-o', 'json', ...args);
      return JSON.parse(stdout) as ForecastView;
    };
    expect(await ask('--owner', 'ways')).toMatchObject({ looked: 1, dark: 1, devices: [{ id: 'lift-1' }] });
    expect(await ask('--days', '31')).toMatchObject({ looked: 2, dark: 1 });
    const date = new Date(Date.now() + 32 * day).toISOString().slice(0, 10);
    expect(await ask('--as-of', date)).toMatchObject({ until: Date.parse(date), looked: 2, dark: 1 });
    const cut = await forecast('-o', 'json', '--limit', '1');
    expect(JSON.parse(cut.stdout)).toMatchObject({ dark: 2, reasons: { quarantined: 2 }, devices: [{ id: 'pump-1' }] });
    expect(cut.stderr).toContain('only the first 1 devices are listed');
    const far = await ask('--as-of', '2099-12-31');
    expect(far).toMatchObject({ looked: 3, dark: 3, reasons: { quarantined: 2, issuer_ends: 1 } });
  });

  it('refuses what cannot be looked at, with exit code 2', async () => {
    for (const args of [
      ['--days', 'many'],
      ['--days', '0'],
      ['--as-of', '2030-02-30'],
      ['--as-of', '2001-01-01'],
      ['--days', '3', '--as-of', '2099-12-31'],
      ['--site', 'south'],
    ]) {
      const { code, stdout, stderr } = await forecast(...args);
      expect([code, stdout], args.join(' ')).toEqual([2, '']);
      expect(stderr).toMatch(/^nolapse: .+\n/);
    }
  });
});
