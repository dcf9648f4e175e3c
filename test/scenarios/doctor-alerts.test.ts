// `doctor` and the alerts say the same of the machine, the home and the broker's own certificates, whatever came before: on a broker that
// runs, after what a start has set right, after a hand has cleared an alert, and on a home at rest.
import { chmodSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { change } from '../../src/app/change.ts';
import type { App } from '../../src/app/operator/app.ts';
import { doctor } from '../../src/app/operator/doctor.ts';
import type { Operations } from '../../src/app/operator/operate.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { AlertKind } from '../../src/domain/alert.ts';
import { openHome } from '../../src/home/home.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type Assembled, assembled } from '../app/assembled.ts';
import { operated } from '../fakes/tester.ts';
import { type House, openHouse } from './harness.ts';

let house: House;

const line = async (operations: Operations, subject: string) =>
  (await operations.doctor()).find((each) => each.subject === subject);
const openOf = async (operations: Operations, kind: AlertKind) =>
  (await operations.listAlerts({ kind, open: true }))[0] ?? null;

/** Both answers about the home, whichever is asked first. */
async function aboutHome(operations: Operations, first: 'doctor' | 'alerts') {
  const ask = {
    doctor: () => line(operations, 'home'),
    alerts: () => openOf(operations, 'home_exposed'),
  };
  const told = first === 'doctor' ? await ask.doctor() : null;
  const alert = await ask.alerts();
  const said = told ?? (await ask.doctor());
  if (!alert) expect(said).toMatchObject({ level: 'ok' });
  else expect(said).toMatchObject({ level: alert.severity, detail: alert.detail });
  return alert;
}

const atRest = async <T>(work: (operations: Operations) => Promise<T>): Promise<T> => {
  const config = loadConfig({ file: join(house.home, 'nolapse.yaml'), env: {} });
  const opened = operated(await openHome({ home: house.home, config, log: createLog({ level: 'silent' }) }));
  try {
    return await work(opened.operations);
  } finally {
    await opened.close();
  }
};

const expose = () => chmodSync(house.home, 0o777);
const close = () => chmodSync(house.home, 0o700);
const link = () => {
  renameSync(join(house.home, 'pki', 'root.crt'), join(house.home, '..', 'nolapse-root.crt'));
  symlinkSync(join(house.home, '..', 'nolapse-root.crt'), join(house.home, 'pki', 'root.crt'));
};
const unlink = () => renameSync(join(house.home, '..', 'nolapse-root.crt'), join(house.home, 'pki', 'root.crt'));

for (const first of ['doctor', 'alerts'] as const) {
  describe(`a home that others can reach into, of which ${first} are asked first`, () => {
    afterEach(() => house.close());

    it('is told of at once while the broker runs, and no longer once it is closed', async () => {
      house = await openHouse();
      const { operations } = house.gateway;
      expect(await aboutHome(operations, first)).toBeNull();
      expose();
      expect(await aboutHome(operations, first)).toMatchObject({ severity: 'critical' });
      close();
      expect(await aboutHome(operations, first)).toBeNull();
      link();
      expect(await aboutHome(operations, first)).toMatchObject({ severity: 'warning' });
      unlink();
      expect(await aboutHome(operations, first)).toBeNull();
    });

    it('is told of as it was when the start has set it right, until somebody clears the alert, or the next start', async () => {
      house = await openHouse();
      await house.restart(expose);
      const { operations } = house.gateway;
      const told = await aboutHome(operations, first);
      expect(told).toMatchObject({
        severity: 'critical',
        detail: expect.stringContaining('could be written by others'),
      });
      await operations.clearAlert({ kind: 'home_exposed', subject: 'home' });
      expect(await aboutHome(operations, first)).toBeNull();
      await house.restart(expose);
      expect(await aboutHome(house.gateway.operations, first)).toMatchObject({ severity: 'critical' });
      await house.restart();
      expect(await aboutHome(house.gateway.operations, first)).toBeNull();
    });

    it('is told of anew where the alert was cleared and it is still so', async () => {
      house = await openHouse();
      const { operations } = house.gateway;
      expose();
      await aboutHome(operations, first);
      await operations.clearAlert({ kind: 'home_exposed', subject: 'home' });
      expect(await aboutHome(operations, first)).toMatchObject({ severity: 'critical' });
      close();
    });

    it('is told of on a home at rest', async () => {
      house = await openHouse();
      await house.restart(async () => {
        expect(await atRest((operations) => aboutHome(operations, first))).toBeNull();
        expose();
        expect(await atRest((operations) => aboutHome(operations, first))).toMatchObject({ severity: 'critical' });
        close();
        expect(await atRest((operations) => aboutHome(operations, first))).toBeNull();
      });
    });
  });
}

/** Lines of doctor, and the alert about the same. */
const lines: readonly (readonly [line: string, kind: AlertKind, subject: string, isLookedAtWhole: boolean])[] = [
  ['root certificate', 'own_certificate', 'root certificate', true],
  ['issuing certificate', 'own_certificate', 'issuing certificate', true],
  ['revocation list', 'own_certificate', 'revocation list', true],
  ['ledger file', 'ledger_damaged', 'ledger', true],
  ['log', 'log_unwritable', 'log', false],
  ['descriptors', 'descriptors_short', 'descriptors', false],
  ['delegations', 'delegation_short', 'site north', false],
];

/** As on a broker that runs, whose log and descriptors are well. */
const running = ({ app }: Assembled): App => ({
  ...app,
  machine: {
    ...app.machine,
    log: () => ({ failure: null, dropped: 0 }),
    descriptors: () => ({ open: 10, limit: 1_000 }),
  },
});

describe('a line of doctor', () => {
  let parts: Assembled;
  afterEach(() => parts.close());
  const lineOf = async (app: App, name: string) =>
    (await doctor(app, null, false)).find(({ subject }) => subject === name);

  it.each(lines)('"%s" is as loud as the alert %s that is open', async (name, kind, subject, isLookedAtWhole) => {
    parts = await assembled();
    const app = running(parts);
    const quiet = await lineOf(app, name);
    expect(quiet).toMatchObject({ level: 'ok' });
    const finding = { kind, subject, severity: 'critical', detail: 'it was so once', owner: null } as const;
    await change(app, ({ alert }) => alert(finding));
    const after = await lineOf(app, name);
    const alert = await app.store.read.alert(kind, subject);
    // What is looked at afresh and whole is over by that look; what cannot be is told as the alert has it.
    if (isLookedAtWhole) expect([alert?.clearedAt, after]).toEqual([expect.any(Number), quiet]);
    else expect(after).toMatchObject({ level: 'critical', detail: expect.stringContaining('it was so once') });
  });

  it('about a certificate that is nearly over is as loud as the alert that doctor has stand for it', async () => {
    let now = Date.now();
    parts = await assembled({ clock: { now: () => now } });
    const { app } = parts;
    now = app.authority.trust().issuers[0].notAfter - 60_000;
    const alert = async () => app.store.read.alert('own_certificate', 'issuing certificate');
    expect(await alert()).toBeNull();
    expect(await lineOf(app, 'issuing certificate')).toMatchObject({ level: 'critical' });
    expect(await alert()).toMatchObject({ severity: 'critical', clearedAt: null });
  });
});
