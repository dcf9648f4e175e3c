// nolapse status: the answer for people and for programs, with what to do next. On a home at rest.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusView } from '../../src/app/views/status.ts';
import { openStore } from '../../src/store/index.ts';
import { certificate } from '../contract/store/rows.ts';
import { Workplace } from './harness.ts';

const day = 86_400_000;
const fleet = [
  ['pump-1', 'water', 'north', 'low', 20],
  ['pump-2', 'water', 'north', 'critical', 25],
  ['lift-1', 'ways', 'north', 'medium', -60],
  ['lift-2', 'ways', 'south', 'medium', 60],
] as const;

let place: Workplace;
beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
  for (const [id, owner, site, criticality] of fleet) {
    await place.ask('device', 'add', id, '--owner', owner, '--site', site, '--criticality', criticality);
  }
  const { store } = openStore(join(place.home, 'nolapse.db'));
  const now = Date.now();
  await store.transact(async (tx) => {
    for (const [id, , , , days] of fleet) {
      const validity = { notBefore: now - 90 * day, notAfter: now + days * day, renewAt: now + 10 * day };
      await tx.putCertificate(certificate(id, id, { ...validity, lastSeenAt: now - day }));
    }
  });
  await store.close();
});
afterAll(() => place.remove());

const status = (...args: string[]) => place.run(['status', '--home', place.home, ...args]);
const view = async (...args: string[]): Promise<StatusView> => {
  const { stdout } = await status('-o', 'json', ...args);
  return JSON.parse(stdout) as StatusView;
};

describe('nolapse status', () => {
  it('answers in its first line, and with exit code 1 where there is anything', async () => {
    const { code, stdout } = await status();
    expect(stdout.split('\n')[0]).toBe('DARK NOW 1 · DARK IN 30 d 0 · NO CERTIFICATE 0 · gateway ok');
    expect(code).toBe(1);
  });

  it('names whose it is and what to type next, the most critical first', async () => {
    for (const id of ['pump-1', 'pump-2']) await place.ask('device', 'quarantine', id, '--reason', 'stolen');
    const { stdout } = await status();
    expect(stdout).toMatch(/^DARK NOW 1 · DARK IN 30 d 2 \(first pump-1, owner water, in (19d 23h|20d)\) · /);
    expect(stdout).toMatch(/^water +north +0 +2 +critical +in (19d 23h|20d)$/m);
    expect(stdout).toMatch(/^critical +pump-2 +water +in (24d 23h|25d) +quarantined +nolapse device release pump-2$/m);
    expect(stdout).toMatch(
      /^medium +lift-1 +ways +60d( \d+s)? ago +ended +nolapse device issue lift-1 --out \.\/lift-1$/m,
    );
    const rows = stdout.split('\n').filter((line) => line.includes(' nolapse device '));
    expect(rows.map((row) => row.split(/ +/)[1])).toEqual(['pump-2', 'lift-1', 'pump-1']);
  });

  it('counts the same devices as the forecast', async () => {
    const { darkNow, darkAhead, without, groups } = await view('--days', '90');
    const { stdout } = await place.run(['forecast', '--home', place.home, '-o', 'json']);
    const forecast = JSON.parse(stdout) as { dark: number; darkNow: number; without: number };
    expect({ dark: darkNow + darkAhead, darkNow, without }).toEqual({
      dark: forecast.dark,
      darkNow: forecast.darkNow,
      without: forecast.without,
    });
    expect(groups.reduce((sum, group) => sum + group.darkNow + group.darkAhead, 0)).toBe(forecast.dark);
  });

  it('tells what was decided in the last 24 hours, by whom, once for each kind', async () => {
    const { changes } = await view();
    expect(changes).toMatchObject([{ action: 'device.quarantined', count: 2, actor: { channel: 'command line' } }]);
    const { stdout } = await status();
    expect(stdout).toMatch(/^(now|\d+s ago) +\S+ +pump-2 quarantined: stolen \(2 times\)$/m);
  });

  it('names what is wrong with the broker itself', async () => {
    const { chmodSync } = await import('node:fs');
    chmodSync(place.home, 0o777);
    try {
      const { stdout } = await status();
      expect(stdout.split('\n')[0]).toMatch(/ · GATEWAY \w+: home$/);
      expect((await view()).gateway).toMatchObject([{ subject: 'home' }]);
    } finally {
      chmodSync(place.home, 0o700);
    }
  });

  it('refuses days that cannot be looked ahead, and to draw in place where there is no terminal', async () => {
    expect(await status('--days', '0')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/days: not a whole number from 1 to 3650/),
    });
    expect(await status('--watch')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--watch needs a terminal/),
    });
    expect(await status('--watch', '1ms')).toMatchObject({ code: 2, stderr: expect.stringMatching(/500ms or more/) });
  });
});
