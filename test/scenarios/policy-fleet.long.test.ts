// Thousands of due dates that are reckoned anew: a kill in the middle loses and repeats none of it, and devices are served meanwhile.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { replan } from '../../src/app/oversight/replan.ts';
import { loadConfig } from '../../src/config/index.ts';
import { assemble } from '../../src/home/home.ts';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { createDecisionLog } from '../../src/telemetry/decision-log.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { certificate, principal } from '../contract/store/rows.ts';
import { nobody } from '../fakes/nobody.ts';
import { connackOf, connect, openHouse } from './harness.ts';
import { Mortal } from './mortal.ts';

const day = 86_400_000;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** @param batch how many certificates are reckoned anew before others have a turn. */
function configure(home: string, renewAt: string, batch: number): void {
  const lines = [
    'mqtt: { port: 0 }',
    'http: { port: 0 }',
    `sweep: { interval: 100ms, batch: ${batch} }`,
    `classes: { default: { lifetime: 90d, renewAt: ${renewAt}, spread: 0%, backdate: 0s } }`,
  ];
  writeFileSync(join(home, 'nolapse.yaml'), `${lines.join('\n')}\n`);
}

/** Puts devices into a home at rest, each with a certificate that is a third through its life, with the due dates its policies give. */
async function plantFleet(home: string, fleet: number): Promise<void> {
  const log = createLog({ level: 'silent' });
  const config = loadConfig({ file: join(home, 'nolapse.yaml'), env: {} });
  const { app, outbox } = await assemble({ home, config, log }, createDecisionLog(log, createMetrics()), nobody, 'use');
  const now = Date.now();
  await app.store.transact(async (tx) => {
    for (let i = 0; i < fleet; i += 1) {
      const id = `d${String(i).padStart(5, '0')}`;
      await tx.putPrincipal(principal(id));
      const dates = { notBefore: now - 30 * day, notAfter: now + 60 * day, renewAt: now + 24 * day };
      await tx.putCertificate(certificate(id, id, { state: 'active', ...dates }));
    }
  });
  await replan(app, new AbortController().signal);
  await outbox.close();
  await app.store.close();
}

/** How far the reckoning has come, as a home at rest has it. */
function progressOf(home: string): { looked: number; done: boolean } {
  const database = openSqlite(join(home, 'nolapse.db'), { readonly: true });
  const row = database.prepare("SELECT value FROM setting WHERE name = 'due-dates'").get() as { value: string };
  database.close();
  return JSON.parse(row.value) as { looked: number; done: boolean };
}

it('goes on after SIGKILL in the middle, and counts and opens each once', { timeout: 120_000 }, async () => {
  const fleet = 500;
  const home = mkdtempSync(join(tmpdir(), 'nolapse-kill-'));
  closing.push(() => rmSync(home, { recursive: true, force: true }));
  configure(home, '60%', 1);
  await (await Mortal.start(home)).kill();
  await plantFleet(home, fleet);
  expect(progressOf(home)).toMatchObject({ done: true });
  // All of them are due by it. The sweep opens what the reckoning has passed: at the first the broker dies.
  configure(home, '30%', 1);
  const dying = await Mortal.start(home, 'renewal.due');
  expect(await dying.death()).toBe('SIGKILL');
  const { looked, done } = progressOf(home);
  expect(done).toBe(false);
  expect(looked).toBeGreaterThan(0);
  expect(looked).toBeLessThan(fleet);
  const gateway = await Mortal.start(home);
  closing.push(() => gateway.kill());
  await gateway.told('policy.applied');
  const line = gateway.lines.find((each) => each['event.action'] === 'policy.applied');
  const all = ['looked', 'earlier', 'later', 'due'].map((name) => line?.[`nolapse.${name}`]);
  expect(all).toEqual([fleet, fleet, 0, fleet]);
});

it('lets devices come in and publish while it goes on', { timeout: 120_000 }, async () => {
  const house = await openHouse();
  closing.push(() => house.close());
  const issued = await house.device('pump-1');
  await house.gateway.close();
  configure(house.home, '60%', 20);
  await plantFleet(house.home, 2_000);
  await house.restart();
  const credentials = { certificatePem: issued.certificatePem, keyPem: issued.keyPem };
  const device = await connect(house, credentials, 'pump-1');
  closing.push(() => device.endAsync(true));
  configure(house.home, '50%', 20);
  await house.gateway.operations.reload();
  const goesOn = (): boolean => house.log.count('policy.applied') === 0;
  const served = { published: 0, connected: 0 };
  const publish = async (): Promise<void> => {
    while (goesOn()) {
      await device.publishAsync('devices/pump-1/telemetry', 'x', { qos: 1 });
      if (goesOn()) served.published += 1;
    }
  };
  const come = async (): Promise<void> => {
    while (goesOn()) {
      expect(await connackOf(house, credentials, 'pump-1:2')).toBe(0);
      if (goesOn()) served.connected += 1;
    }
  };
  await Promise.all([publish(), come()]);
  const line = await house.log.until('policy.applied');
  expect(line['nolapse.looked']).toBeGreaterThanOrEqual(2_000);
  expect(served.published).toBeGreaterThan(10);
  expect(served.connected).toBeGreaterThan(0);
});
