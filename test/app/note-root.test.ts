// What a connect and a control leave in the ledger about the roots that a principal holds, and what they cost it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entranceOf } from '../../src/app/admission/entrance.ts';
import { settleControls } from '../../src/app/admission/note-root.ts';
import { Seen } from '../../src/app/admission/seen.ts';
import { change } from '../../src/app/change.ts';
import type { Entrance, Session } from '../../src/app/session.ts';
import { keepControl } from '../../src/app/trust-records.ts';
import { afterOffer, afterStored, noRecord } from '../../src/domain/trust-record.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { createTestAuthority } from '../broker/test-pki.ts';
import { idOf } from '../domain/samples.ts';
import { operationsIn } from '../fakes/tester.ts';
import { watched } from '../fakes/watched-units.ts';
import { type Assembled, assembled } from './assembled.ts';

const device = idOf('dev-1');
const gateway = idOf('gw-1');
const day = 86_400_000;
const minute = 60_000;

let house: Assembled;
let entrance: Entrance;
let der: Uint8Array;
let stranger: Uint8Array;
let offsetMs = 0;
const told: { action: string; level?: string; reason?: string }[] = [];

const derOf = (pem: string): Uint8Array => pemToDer(pem, 'CERTIFICATE')?.[0] ?? new Uint8Array();

beforeEach(async () => {
  told.length = 0;
  offsetMs = 0;
  const maker = await createTestAuthority('Maker');
  stranger = derOf((await maker.issue('pump-1')).cert);
  house = await assembled({
    yaml: 'bootstrap: { anchors: [maker.crt] }',
    files: { 'maker.crt': maker.ca },
    tell: (decision) => told.push(decision),
    // Each unit of work once, whatever the environment says: statements are counted.
    throughStore: watched,
    clock: { now: () => Date.now() + offsetMs, steady: () => performance.now() + offsetMs },
  });
  entrance = entranceOf(house.app, new Seen(house.app));
  const operations = operationsIn(house.app);
  for (const id of [device, gateway, idOf('pump-1')]) await operations.addDevice({ id, owner: 'anna' });
  der = derOf((await operations.issueDevice({ id: device })).certificatePem);
});
afterEach(() => house.close());

const presented = (bytes: Uint8Array | null) => ({ der: bytes, issuers: () => [] });

async function admitted(root: number, bytes = der, clientId: string = device): Promise<Session> {
  const facts = { presented: presented(bytes), clientId, remoteAddress: '192.0.2.1', root };
  const admission = await entrance.admit(facts);
  if (!admission.admitted) throw new Error(admission.reason);
  return admission.session;
}

const recordOf = (id = device) => house.app.store.read.trustRecord(id);
const findings = () => house.app.store.read.findings({ kind: 'does_not_verify_server' }, 10);
const trustLines = () => told.map(({ action }) => action).filter((action) => action.startsWith('trust.'));

/** Statements of the driver while `work` runs. */
async function statementsOf(work: () => Promise<unknown>): Promise<number> {
  const prototype = Object.getPrototypeOf(house.database.sqlite.prepare('SELECT 1'));
  let statements = 0;
  const kept = new Map<string, (...values: unknown[]) => unknown>();
  for (const name of ['run', 'get', 'all']) {
    const call = prototype[name];
    kept.set(name, call);
    prototype[name] = function (this: unknown, ...values: unknown[]) {
      statements += 1;
      return call.apply(this, values);
    };
  }
  try {
    await work();
  } finally {
    for (const [name, call] of kept) prototype[name] = call;
  }
  return statements;
}

describe('a connect', () => {
  it('proves the root of its port, and an older one reopens the proof', async () => {
    expect(await admitted(1)).toMatchObject({ lane: 'full', root: 1 });
    expect(await recordOf()).toBeNull();
    await admitted(2);
    expect(await recordOf()).toMatchObject({ last: { root: 2 }, reopenedAt: null });
    await admitted(1);
    expect(await recordOf()).toMatchObject({ last: { root: 1 }, reopenedAt: expect.any(Number) });
    await admitted(3);
    expect(await recordOf()).toMatchObject({ last: { root: 3 } });
    expect(trustLines()).toEqual(['trust.proved', 'trust.reopened', 'trust.proved']);
    const journal = await house.app.store.read.journal({}, 10);
    expect(journal.find(({ action }) => action === 'trust.reopened')).toMatchObject({
      principalId: device,
      actor: { name: device, channel: 'mqtt' },
    });
  });

  it('again and again on the ports of both roots is counted, told of once, and leaves the proof open', async () => {
    const journalled = async () =>
      (await house.app.store.read.journal({}, 100)).filter(({ action }) => action.startsWith('trust.')).length;
    for (let time = 0; time < 3; time += 1) for (const root of [2, 1]) await admitted(root);
    expect(await journalled()).toBe(6);
    await admitted(2);
    const often = async () => {
      for (let time = 0; time < 50; time += 1) for (const root of [1, 2]) await admitted(root);
    };
    expect(await statementsOf(often)).toBe(0);
    expect([await journalled(), (await recordOf())?.last?.root]).toEqual([6, 1]);
    offsetMs += 59 * minute;
    await house.app.rootChanges.flush();
    expect([await journalled(), (await recordOf())?.last?.root]).toEqual([6, 1]);
    offsetMs += 2 * minute;
    await house.app.rootChanges.flush();
    expect(await recordOf()).toMatchObject({ last: { root: 2 } });
    expect(trustLines().slice(6)).toEqual(['trust.unsettled', 'trust.proved']);
    expect(told.find(({ action }) => action === 'trust.unsettled')).toMatchObject({
      fields: { 'nolapse.root.changes': 101 },
    });
    // Within the day the first step back has it counted again.
    for (const root of [1, 2, 1, 2]) await admitted(root);
    expect(trustLines().slice(8)).toEqual(['trust.reopened']);
    offsetMs += day;
    await house.app.rootChanges.flush();
    offsetMs += day;
    await house.app.rootChanges.flush();
    told.length = 0;
    for (const root of [1, 2]) await admitted(root);
    expect(trustLines()).toEqual(['trust.reopened', 'trust.proved']);
  });

  it('that goes back and forth for longer than a day is told of once a day', async () => {
    for (let time = 0; time < 3; time += 1) for (const root of [2, 1]) await admitted(root);
    for (let half = 0; half < 96; half += 1) {
      offsetMs += 30 * minute;
      await admitted(half % 2 === 0 ? 2 : 1);
      await house.app.rootChanges.flush();
    }
    expect(trustLines().slice(6)).toEqual(['trust.unsettled', 'trust.unsettled']);
    expect(await recordOf()).toMatchObject({ last: { root: 1 } });
  });

  it('in the renew-only lane proves as one in the full lane does', async () => {
    await admitted(1);
    offsetMs = 100 * day;
    expect(await admitted(2)).toMatchObject({ lane: 'renew-only' });
    expect(await recordOf()).toMatchObject({ last: { root: 2 } });
  });

  it('costs no statement where it changes nothing, and as little where it comes back to what it was', async () => {
    await admitted(1);
    expect(await statementsOf(() => admitted(1))).toBe(0);
    await admitted(2);
    await admitted(2);
    expect(await statementsOf(() => admitted(2))).toBe(0);
    house.database.sqlite.prepare('SELECT 1').get();
    await house.app.store.transact(async (tx) => tx.putTrustRecord(noRecord(gateway)));
    expect(await statementsOf(() => admitted(2))).toBe(0);
  });

  it('of whom nothing is remembered reads its certificate and its principal, and no more', async () => {
    await admitted(1);
    await admitted(2);
    const undone = house.app.store.transact(async () => {
      throw new Error('forget what is remembered');
    });
    await expect(undone).rejects.toThrow('forget');
    expect(await statementsOf(() => admitted(2))).toBe(2);
  });

  it('of whom an anchor introduced, of a stranger, and with a client id of another proves nothing', async () => {
    const pump = idOf('pump-1');
    expect(await admitted(2, stranger, pump)).toMatchObject({ introduced: true, root: 2 });
    expect(await recordOf(pump)).toBeNull();
    const facts = { remoteAddress: '192.0.2.1', root: 2 };
    const refused = [
      await entrance.admit({ ...facts, presented: presented(null), clientId: device }),
      await entrance.admit({ ...facts, presented: presented(stranger), clientId: device }),
      await entrance.admit({ ...facts, presented: presented(der), clientId: gateway }),
    ];
    expect(refused.map((each) => each.admitted)).toEqual([false, false, false]);
    expect([await recordOf(), await recordOf(gateway)]).toEqual([null, null]);
    expect(trustLines()).toEqual([]);
  });

  it('of a site gateway proves nothing for a device that it speaks for', async () => {
    await admitted(1);
    const offered = afterOffer(noRecord(device), { sequence: 7, root: 2 }, 1);
    const word = afterStored(offered, 7, gateway, 2);
    if (word.outcome !== 'taken') throw new Error(word.outcome);
    await house.app.store.transact((tx) => tx.putTrustRecord(word.record));
    const own = derOf((await operationsIn(house.app).issueDevice({ id: gateway })).certificatePem);
    await admitted(2, own, gateway);
    expect(await recordOf(gateway)).toMatchObject({ last: { root: 2 } });
    expect(await recordOf()).toMatchObject({ stored: { by: gateway }, last: null });
    expect(await house.app.store.read.unproved(2, null, 10)).toMatchObject([{ id: device, last: 1, isStored: true }]);
  });

  it('is admitted where its root cannot be written', async () => {
    await admitted(1);
    house.database.sqlite.exec(
      "CREATE TRIGGER full BEFORE INSERT ON trust_record BEGIN SELECT raise(ABORT, 'no room'); END",
    );
    expect(await admitted(2)).toMatchObject({ lane: 'full' });
    expect(told.filter(({ action }) => action === 'effect.failed')).toHaveLength(1);
    house.database.sqlite.exec('DROP TRIGGER full');
    await admitted(2);
    expect(await recordOf()).toMatchObject({ last: { root: 2 } });
  });
});

describe('a control', () => {
  it('makes a finding of a device that sends CONNECT there, once, and activates and admits nobody', async () => {
    await entrance.cameToControl(presented(der), '192.0.2.1');
    expect(await findings()).toMatchObject([{ subject: device }]);
    const [entry] = await house.app.store.read.certificatesOf(device, { limit: 1 });
    expect(entry).toMatchObject({ state: 'issued', activatedAt: null, lastSeenAt: null });
    expect(await recordOf()).toMatchObject({ last: null, control: { verdict: 'does_not_verify' } });
    const [before] = await findings();
    const lines = (await house.app.store.read.journal({}, 10)).length;
    for (let time = 0; time < 3; time += 1) await entrance.cameToControl(presented(der), '192.0.2.1');
    expect(await findings()).toEqual([before]);
    expect(await house.app.store.read.journal({}, 10)).toHaveLength(lines);
    expect(trustLines()).toEqual(['trust.control_failed']);
  });

  it('reports nobody for whoever is not known by a certificate that would be admitted', async () => {
    await entrance.cameToControl(presented(null), '192.0.2.1');
    await entrance.cameToControl(presented(stranger), '192.0.2.1');
    await operationsIn(house.app).quarantineDevice({ id: device });
    await entrance.cameToControl(presented(der), '192.0.2.1');
    expect(await findings()).toEqual([]);
    expect(told.filter(({ reason }) => reason === 'control')).toMatchObject([
      { level: 'debug' },
      { level: 'debug' },
      { level: 'debug' },
    ]);
  });

  it('forgets the finding when the device says that it does not trust the port, or is out of service', async () => {
    await entrance.cameToControl(presented(der), '192.0.2.1');
    await change(house.app, (within) => keepControl(within, { id: device }, 'passed'));
    expect(await findings()).toEqual([]);
    expect(await recordOf()).toMatchObject({ control: { verdict: 'passed' } });
    await entrance.cameToControl(presented(der), '192.0.2.1');
    await settleControls(house.app);
    expect(await findings()).toHaveLength(1);
    await operationsIn(house.app).decommissionDevice({ id: device });
    await settleControls(house.app);
    expect(await findings()).toEqual([]);
    expect(trustLines()).toEqual(['trust.control_failed', 'trust.control_passed', 'trust.control_failed']);
  });
});
