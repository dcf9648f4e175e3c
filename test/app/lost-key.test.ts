// The key of a root is lost, or in wrong hands: what is told of it, and who is still exposed. On a real store and a real PKI.
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Operations } from '../../src/app/operator/operate.ts';
import { putMark } from '../../src/app/trust/root-marks.ts';
import type { ExposedPage } from '../../src/app/views/trust-exposure.ts';
import { noRecord, type TrustRecord } from '../../src/domain/trust-record.ts';
import { nothingTold } from '../../src/domain/trust-told.ts';
import { idOf } from '../domain/samples.ts';
import { operationsIn } from '../fakes/tester.ts';
import { scratch } from '../pki/made.ts';
import { type Assembled, assembled } from './assembled.ts';

const yaml = 'mqtt: { nextPort: 18893 }\ntrust: { approval: { root: none } }\n';
const passphrase = 'a passphrase of its own';

let home: Assembled;
let operations: Operations;
beforeEach(async () => {
  home = await assembled({ yaml });
  operations = operationsIn(home.app);
});
afterEach(() => home.close());

const takeKeyAway = (name = 'root.key'): void => renameSync(join(home.home, 'pki', name), join(scratch(), 'root.key'));
const checks = async () =>
  (await operations.doctor({}))
    .filter(({ subject }) => /root \d/.test(subject))
    .map(({ level, subject }) => [level, subject]);
const actions = async () => (await home.app.store.read.journal({}, 100)).map(({ action }) => action);

describe('a lost key', () => {
  it('is none while it is in the home', async () => {
    await expect(operations.loseRootKey({})).rejects.toMatchObject({
      code: 'conflict',
      faults: ['the key of root 1 is in the home'],
    });
    await expect(operations.loseRootKey({ root: 7 })).rejects.toMatchObject({ code: 'not_found' });
    expect((await operations.trustStatus({})).lost).toEqual([]);
  });

  it('without a spare: says until when all goes on, and that another root has to be brought to each device', async () => {
    takeKeyAway();
    const said = await operations.loseRootKey({});
    const [issuing] = await home.app.store.read.issuingSlots();
    expect(said).toMatchObject({ root: 1, spare: 'none', worksUntil: issuing?.certificate?.notAfter });
    expect(said.wholeUntil).toBeLessThan(said.worksUntil ?? 0);
    expect(said.left).toMatch(
      /^devices cannot be told of another root: prepare one, and bring it to each before \d{4}/,
    );
    expect((await operations.trustStatus({})).lost).toEqual([said]);
    expect(await checks()).toContainEqual(['error', 'key of root 1']);
    expect(await actions()).toContain('trust.key_lost');
    const known = await actions();
    expect(await operations.loseRootKey({ root: 1 })).toEqual(said);
    expect(await actions()).toEqual(known);
  });

  it('with a spare: says that it is not needed, and which step comes next', async () => {
    await operations.prepareRoot({ preparation: 'here', passphrase });
    takeKeyAway();
    expect(await operations.loseRootKey({})).toMatchObject({
      spare: 'prepared',
      left: expect.stringMatching(/nolapse trust distribute root$/),
    });
    const [, next] = await home.app.store.read.rootSlots();
    if (!next) throw new Error('no next root');
    await home.app.store.transact((tx) => tx.putRootSlot({ ...next, distributedAt: Date.now() }));
    const { lost } = await operations.trustStatus({});
    expect(lost).toMatchObject([{ spare: 'announced', left: expect.stringMatching(/nolapse trust activate root$/) }]);
    expect(await checks()).toContainEqual(['warning', 'key of root 1']);
  });

  it('may be found again', async () => {
    await expect(operations.findRootKey({})).rejects.toMatchObject({ code: 'conflict' });
    takeKeyAway();
    await operations.loseRootKey({});
    await operations.findRootKey({});
    expect((await operations.trustStatus({})).lost).toEqual([]);
    expect((await actions())[0]).toBe('trust.key_found');
  });
});

describe('who is exposed to a distrusted root', () => {
  const drop = 2_000_000_001;
  const standings = async (): Promise<Record<string, string>> => {
    const found: Record<string, string> = {};
    let page: ExposedPage | null = null;
    do {
      page = await operations.listExposed({ limit: 2, ...(page?.next && { after: page.next }) });
      for (const { id, standing } of page.principals) found[id] = standing;
    } while (page.next);
    return found;
  };
  const device = async (id: string, record: Partial<TrustRecord>, dropped: 'own' | 'carried' | null = null) => {
    await operations.addDevice({ id, owner: 'water' });
    await operations.issueDevice({ id });
    const principalId = idOf(id);
    await home.app.store.transact(async (tx) => {
      await tx.putTrustRecord({ ...noRecord(principalId), ...record });
      const settled = dropped ? [{ sequence: drop, stored: true, way: dropped }] : [];
      await tx.putTrustTold({ ...nothingTold(principalId), settled, reopenedAt: null });
    });
  };
  const step = (sequence: number, at = 1) => ({ sequence, root: 2, at });

  it('is nobody while none is distrusted', async () => {
    await device('plain', { last: { root: 1, at: 1 } });
    expect(await operations.listExposed({})).toEqual({ root: null, principals: [], next: null });
  });

  it('is everybody in service who does not say itself that it gave the root up', async () => {
    await operations.prepareRoot({ preparation: 'here', passphrase });
    const [first, next] = await home.app.store.read.rootSlots();
    if (!first || !next) throw new Error('no next root');
    await home.app.store.transact(async (tx) => {
      await tx.putRootSlot({ ...first, state: 'former' });
      await tx.putRootSlot({ ...next, state: 'current', distributedAt: 1, activatedAt: 1 });
      const said = { kind: 'drop' as const, signer: 2, named: 2, size: 3, port: 8893, madeAt: 1 };
      await tx.putTrustStep(
        { sequence: drop, ...said, announcedFrom: 1, keptUntil: Date.now() + 1e9 },
        new Uint8Array(3),
      );
      await putMark(tx, { root: 1, kind: 'compromised', at: 1 });
    });
    const last = { root: 2, at: 1 };
    await device('untold', { last: { root: 1, at: 1 } });
    await device('told', { last: { root: 1, at: 1 }, offered: step(1) });
    await device('stored', { last: { root: 1, at: 1 }, offered: step(1), stored: { ...step(1), by: null } });
    await device('both', { last });
    await device('dropped', { last }, 'own');
    await device('hearsay', { last }, 'carried');
    await device('reset', { last: { root: 1, at: 1 }, reopenedAt: 9 }, 'own');
    await device('never', {});
    await device('gone', { last });
    await operations.decommissionDevice({ id: 'gone' });
    expect(await standings()).toEqual({
      untold: 'not_told',
      told: 'told',
      stored: 'stored',
      both: 'trusts_both',
      hearsay: 'trusts_both',
      reset: 'not_told',
      never: 'never_connected',
    });
    expect((await operations.trustStatus({})).distrusted).toEqual([{ root: 1, isInUse: true }]);
    expect(await checks()).toContainEqual(['critical', 'root 1']);
  });
});
