// What a runbook sends somebody to is looked at when it is asked for, also where no broker runs; what takes too long says how old it is.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/index.ts';
import { certificate, day } from '../contract/store/rows.ts';
import { Workplace } from './harness.ts';

let place: Workplace;
const run = (...args: readonly string[]) => place.run([...args, '--home', place.home]);

async function change(work: Parameters<ReturnType<typeof openStore>['store']['transact']>[0]): Promise<void> {
  const { store } = openStore(join(place.home, 'nolapse.db'));
  await store.transact(work);
  await store.close();
}

beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
  await place.ask('device', 'add', 'pump-1', '--owner', 'water');
});
afterAll(() => place.remove());

describe('what is listed', () => {
  it('is looked at first: a finding nobody has looked for yet', async () => {
    const { code, stdout } = await run('finding', 'list', '--kind', 'never_seen');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^never_seen +pump-1 +\S+Z +no certificate was ever issued to it$/m);
  });

  it('is no more once it is no longer so, and has become what is so now', async () => {
    const ended = { notBefore: Date.now() - 90 * day, notAfter: Date.now() - day, renewAt: null };
    await change((tx) => tx.putCertificate(certificate('one', 'pump-1', ended)));
    expect(await run('finding', 'list', '--kind', 'never_seen')).toMatchObject({ code: 0, stdout: '' });
    expect((await run('finding', 'list', '--kind', 'dark')).stdout).toMatch(/^dark +pump-1 /m);
    expect((await run('alert', 'show', 'lapsed', 'pump-1')).stdout).toMatch(/^severity +critical$/m);
    await place.ask('device', 'decommission', 'pump-1');
    expect(await run('alert', 'list', '--open')).toMatchObject({ code: 0, stdout: '' });
  });

  it('says how old it is where a look takes long, until somebody asks for one', async () => {
    await place.ask('device', 'add', 'pump-2', '--owner', 'water');
    await change(async (tx) => {
      await tx.putSetting('look-over', String(Date.now() - 3 * 3_600_000));
      await tx.putSetting('look-over-took', '60000');
    });
    const old = await run('finding', 'list', '--kind', 'never_seen');
    expect(old).toMatchObject({ code: 0, stdout: '' });
    expect(old.stderr).toMatch(/^nolapse: the fleet was last checked 3h .*ago; --fresh checks it again$/m);
    const fresh = await run('finding', 'list', '--kind', 'never_seen', '--fresh');
    expect(fresh.stdout).toMatch(/^never_seen +pump-2 /m);
    expect(fresh.stderr).not.toContain('last checked 3h');
  });
});
