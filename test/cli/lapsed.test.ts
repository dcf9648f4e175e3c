// Renewals that missed their deadline, as a person counts and finds them: list, doctor and alerts say the same. On a home at rest.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Check } from '../../src/app/views/broker.ts';
import { openStore } from '../../src/store/index.ts';
import { renewal } from '../contract/store/rows.ts';
import { Workplace } from './harness.ts';

let place: Workplace;
beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
  await place.ask('device', 'add', 'pump-1', '--owner', 'water');
  const { store } = openStore(join(place.home, 'nolapse.db'));
  const now = Date.now();
  const missed = { lapsedAt: now - 1_000, nextAt: null };
  await store.transact(async (tx) => {
    await tx.putRenewal(renewal('open', 'pump-1', { ...missed, state: 'offered' }));
    await tx.putRenewal(renewal('closed', 'pump-1', { ...missed, state: 'lapsed' }));
    await tx.putRenewal(renewal('late', 'pump-1', { ...missed, state: 'retired' }));
    await tx.putRenewal(renewal('well', 'pump-1', { state: 'offered', nextAt: null }));
  });
  await store.close();
});
afterAll(() => place.remove());

const run = (...args: readonly string[]) => place.run([...args, '--home', place.home]);
const idsIn = async (state: string): Promise<string[]> => {
  const list = (await place.ask('renewal', 'list', '--state', state)) as { id: string }[];
  return list.map(({ id }) => id).sort();
};

describe('renewals that missed their deadline', () => {
  it('are found as lapsed, in grace and after it, until their replacement is in use', async () => {
    expect(await idsIn('lapsed')).toEqual(['closed', 'open']);
    expect(await idsIn('offered')).toEqual(['well']);
    expect(await idsIn('retired')).toEqual(['late']);
    const { stdout } = await run('renewal', 'list');
    expect(stdout).toMatch(/^open +pump-1 +lapsed \(offered\) /m);
    expect(stdout).toMatch(/^late +pump-1 +retired \(late\) /m);
    expect((await run('renewal', 'show', 'open')).stdout).toMatch(/^state +lapsed \(offered\)$/m);
  });

  it('are counted by doctor as they are found', async () => {
    const { code, stdout } = await run('doctor', '-o', 'json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout) as Check[]).toContainEqual({
      level: 'warning',
      subject: 'lapses',
      detail:
        '2 lapsed: nolapse renewal list --state lapsed; 1 missed their deadline and are settled since the ledger began',
    });
  });
});
